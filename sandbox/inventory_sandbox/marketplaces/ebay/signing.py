"""The key that eBay's notifications are signed with: its public half by the API, its id in each signature."""

from __future__ import annotations

import base64
import json
from functools import cached_property
from typing import Final

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

KEY_ID: Final = "9936261a-7d7b-4621-a0f1-96ccb428af49"
"""The one key that there is; it is made anew with each sandbox, so keep it no longer than that."""


class SigningKey:
    """Signs as eBay does: ECDSA over the SHA-1 of the body, in a header of Base64 over JSON."""

    @cached_property
    def _key(self) -> ec.EllipticCurvePrivateKey:
        return ec.generate_private_key(ec.SECP256R1())

    def public_key(self) -> str:
        """The public half as getPublicKey gives it: PEM without line ends."""
        pem = self._key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        return "".join(pem.decode().splitlines())

    def signature(self, body: bytes) -> str:
        """The value of the header `X-EBAY-SIGNATURE`."""
        signed = self._key.sign(body, ec.ECDSA(hashes.SHA1()))  # eBay's own choice
        said = {"alg": "ecdsa", "kid": KEY_ID, "signature": base64.b64encode(signed).decode(), "digest": "SHA1"}
        return base64.b64encode(json.dumps(said).encode()).decode()
