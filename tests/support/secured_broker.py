"""A Kafka that asks who one is: TLS, SCRAM-SHA-512 and deny by default, as production has it (rule 37).

Tests set it up over a second listener on loopback, which asks nothing and whose anonymous user may do everything; the
processes under test get the address of the secured one.
"""

from __future__ import annotations

import datetime
import ipaddress
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Final

from confluent_kafka import KafkaException
from confluent_kafka.admin import (
    AdminClient,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from inventory_sandbox.stack import kafka
from inventory_sandbox.stack.artifacts import ArtifactCache, default_cache_dir
from inventory_sandbox.stack.java import KAFKA_NEEDS, find_java
from inventory_sandbox.stack.ports import LOOPBACK, pick_free
from inventory_sandbox.stack.processes import ProcessFile

ITERATIONS: Final = 4096  # the least that Kafka takes; the tests' passwords guard nothing
VISIBLE_LIMIT_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class Certificates:
    """A certificate authority, and a server on loopback that it vouches for, as PEM files."""

    authority: Path
    server_chain: Path
    server_key: Path


@dataclass(frozen=True, slots=True)
class SecuredBroker:
    """Where the broker is for clients that must log in, and where tests set it up."""

    bootstrap_servers: str
    open_bootstrap_servers: str
    certificates: Certificates
    restart: Callable[[], None]
    """Stop it and start it again: every client has to log in anew."""

    def security(self, user: str, password: str) -> dict[str, str]:
        """librdkafka's settings of this user."""
        return {
            "security.protocol": "SASL_SSL",
            "sasl.mechanism": "SCRAM-SHA-512",
            "sasl.username": user,
            "sasl.password": password,
            "ssl.ca.location": str(self.certificates.authority),
        }

    def set_passwords(self, passwords: Mapping[str, str]) -> None:
        """Make these users, or give them other passwords; returns when the broker knows them."""
        admin = AdminClient({"bootstrap.servers": self.open_bootstrap_servers})
        info = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, ITERATIONS)
        wanted = [UserScramCredentialUpsertion(user, info, text.encode()) for user, text in passwords.items()]
        for done in admin.alter_user_scram_credentials(wanted).values():
            done.result(30)
        for user, password in passwords.items():
            self._wait_until_taken(user, password)

    def _wait_until_taken(self, user: str, password: str) -> None:
        """The controller has it at once, the broker that checks it a moment later."""
        end = time.monotonic() + VISIBLE_LIMIT_S
        settings = {"bootstrap.servers": self.bootstrap_servers, "log_level": 0, **self.security(user, password)}
        while True:
            try:
                AdminClient(settings).list_topics(timeout=2)
                return
            except KafkaException:
                if time.monotonic() > end:
                    raise


@contextmanager
def secured_broker() -> Iterator[SecuredBroker]:
    """One node for as long as the block runs."""
    folder = Path(tempfile.mkdtemp(prefix="inventory-sync-secured-"))
    process = ProcessFile("kafka", folder)
    try:
        certificates = write_certificates(folder)
        chosen: set[int] = set()
        ports = []
        for _ in range(3):
            ports.append(pick_free(chosen, Random()))
            chosen.add(ports[-1])
        plain, controller, secured = ports
        java, jars = find_java(KAFKA_NEEDS), ArtifactCache(default_cache_dir()).kafka_jars(lambda count: None)
        properties = kafka.write_properties(folder, plain, controller)
        with properties.open("a") as file:  # of a property that stands twice Kafka takes the last
            file.writelines(f"{name}={value}\n" for name, value in _security(certificates, plain, controller, secured))
        kafka.format_once(java, jars, folder, properties)
        command = kafka.command(java, jars, process, properties)

        def start() -> None:
            process.stop()
            process.start(command)
            kafka.wait_until_ready(process, plain, time.sleep)

        start()
        yield SecuredBroker(f"{LOOPBACK}:{secured}", f"{LOOPBACK}:{plain}", certificates, start)
    finally:
        process.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _security(certificates: Certificates, plain: int, controller: int, secured: int) -> list[tuple[str, str]]:
    here = f"PLAINTEXT://{LOOPBACK}:{plain},SECURED://{LOOPBACK}:{secured}"
    keystore = certificates.server_chain.with_name("server.pem")
    keystore.write_text(certificates.server_key.read_text() + certificates.server_chain.read_text())
    return [
        ("listeners", f"{here},CONTROLLER://{LOOPBACK}:{controller}"),
        ("advertised.listeners", here),
        ("listener.security.protocol.map", "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SECURED:SASL_SSL"),
        ("sasl.enabled.mechanisms", "SCRAM-SHA-512"),
        (
            "listener.name.secured.scram-sha-512.sasl.jaas.config",
            "org.apache.kafka.common.security.scram.ScramLoginModule required;",
        ),
        ("listener.name.secured.ssl.keystore.type", "PEM"),
        ("listener.name.secured.ssl.keystore.location", str(keystore)),
        ("authorizer.class.name", "org.apache.kafka.metadata.authorizer.StandardAuthorizer"),
        ("allow.everyone.if.no.acl.found", "false"),
        ("super.users", "User:ANONYMOUS"),
    ]


def write_certificates(folder: Path) -> Certificates:
    """A new authority and a server certificate of it for 127.0.0.1 and localhost, both for a day."""
    authority_key, server_key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "inventory-sync tests")])
    authority = _builder(issuer, issuer, authority_key.public_key())
    authority = authority.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    names = x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address(LOOPBACK))])
    server = _builder(subject, issuer, server_key.public_key()).add_extension(names, critical=False)
    paths = Certificates(folder / "authority.crt", folder / "server.crt", folder / "server.key")
    paths.authority.write_bytes(_signed(authority, authority_key))
    paths.server_chain.write_bytes(_signed(server, authority_key))
    paths.server_key.write_bytes(
        server_key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return paths


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(minutes=5))
        .not_valid_after(now + datetime.timedelta(days=1))
    )


def _signed(builder: x509.CertificateBuilder, key: ec.EllipticCurvePrivateKey) -> bytes:
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
