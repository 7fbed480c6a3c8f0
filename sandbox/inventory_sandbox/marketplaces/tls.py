"""Certificates for a sandbox that is called by https: an authority made for this one run, and what it signed."""

from __future__ import annotations

import datetime
import ipaddress
import os
import ssl
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

MARKETPLACE_HOSTS: Final = (
    "sellingpartnerapi-na.amazon.com",
    "sellingpartnerapi-eu.amazon.com",
    "sellingpartnerapi-fe.amazon.com",
    "sandbox.sellingpartnerapi-na.amazon.com",
    "api.amazon.com",
    "api.ebay.com",
    "api.sandbox.ebay.com",
    "marketplace.walmartapis.com",
    "sandbox.walmartapis.com",
    "*.myshopify.com",
)
"""Named in the certificate too, for a client that is led here by a proxy or by the machine's own list of hosts."""
LIFE: Final = datetime.timedelta(days=30)
_EARLIER: Final = datetime.timedelta(hours=1)  # clocks of two machines may differ
_Signer = tuple[ec.EllipticCurvePrivateKey, x509.Certificate]


def server_context(authority_file: Path, host: str) -> ssl.SSLContext:
    """What a server of this address needs for TLS. Whoever trusts the authority written to the file trusts the server.

    The authority's key is not kept, so nothing else can ever be signed with it.

    Raises:
        OSError: the file cannot be written.
    """
    authority = _signed("Inventory sandbox authority", None, ())
    key, certificate = _signed("Inventory sandbox", authority, ("localhost", "127.0.0.1", "::1", host))
    authority_file.write_bytes(_pem(authority[1]))
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    # It is loaded from a file only; this one can be read by nobody else, and is gone at once.
    handle, name = tempfile.mkstemp(suffix=".pem")
    try:
        with os.fdopen(handle, "wb") as chain:
            chain.write(private + _pem(certificate))
        context.load_cert_chain(name)
    finally:
        Path(name).unlink()
    return context


def _signed(name: str, signer: _Signer | None, hosts: Sequence[str]) -> _Signer:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    signer_key, issuer = (signer[0], signer[1].subject) if signer else (key, subject)
    now = datetime.datetime.now(datetime.UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _EARLIER)
        .not_valid_after(now + LIFE)
        .add_extension(x509.BasicConstraints(ca=signer is None, path_length=None), critical=True)
        .add_extension(_key_usage(signs=signer is None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer_key.public_key()), critical=False)
    )
    if signer is not None:
        names = [_name_of(each) for each in dict.fromkeys((*hosts, *MARKETPLACE_HOSTS))]
        built = built.add_extension(x509.SubjectAlternativeName(names), critical=False)
        built = built.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    return key, built.sign(signer_key, hashes.SHA256())


def _name_of(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _key_usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs,
        key_cert_sign=signs,
        crl_sign=signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)
