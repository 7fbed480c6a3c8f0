"""The security settings of librdkafka, said to Faust's driver."""

from __future__ import annotations

import ssl
from collections.abc import Mapping

import faust

from inventory_domain.errors import ConfigError, ConfigFault
from inventory_streams.kafka.settings import SECURITY_SETTINGS


def broker_credentials(security: Mapping[str, str]) -> faust.types.auth.CredentialsT | None:
    """What Faust logs in with; None for an open broker.

    Raises:
        ConfigError: a setting cannot be said to Faust; it would be dropped silently, so it is refused. Only names are
            given, never values.
    """
    names = set(security) - SECURITY_SETTINGS
    unknown = [ConfigFault(f"kafka.security.{name}", "is not known to the engine") for name in names]
    if unknown:
        raise ConfigError(sorted(unknown, key=lambda fault: fault.path))
    protocol = security.get("security.protocol", "plaintext").lower()
    if protocol == "plaintext":
        return None
    context = _context(security) if protocol.endswith("ssl") else None
    if protocol == "ssl":
        return faust.SSLCredentials(context)
    if protocol not in ("sasl_ssl", "sasl_plaintext"):
        raise ConfigError([ConfigFault("kafka.security.security.protocol", f"is {protocol!r}")])
    mechanism = security.get("sasl.mechanism") or security.get("sasl.mechanisms") or "SCRAM-SHA-512"
    return faust.SASLCredentials(
        username=security.get("sasl.username"),
        password=security.get("sasl.password"),
        ssl_context=context,
        mechanism=mechanism.upper(),
    )


def _context(security: Mapping[str, str]) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=security.get("ssl.ca.location"))
    certificate = security.get("ssl.certificate.location")
    if certificate is not None:
        context.load_cert_chain(certificate, security.get("ssl.key.location"), security.get("ssl.key.password"))
    return context
