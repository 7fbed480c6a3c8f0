"""What a command needs to reach Kafka and the registry, from a settings file or from addresses alone."""

from __future__ import annotations

import os
from collections.abc import Mapping, Set
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from inventory_adapters.catalog import MARKETPLACES
from inventory_adapters.secrets import Secret
from inventory_cli.addresses import local_stack_or
from inventory_cli.defaults import (
    APPLICATION_DEFAULT,
    ENV_BOOTSTRAP_SERVERS,
    ENV_SCHEMA_REGISTRY,
    PARTITIONS_DEFAULT,
    PARTITIONS_MAX,
    REPLICATION_MAX,
)
from inventory_cli.documents import SecretSource, read_document
from inventory_cli.fields import FileFields
from inventory_domain.errors import ConfigError, ConfigFault
from inventory_schemas.address import login_of, shown
from inventory_streams.kafka.settings import SECURITY_SETTINGS, KafkaSettings
from inventory_streams.topics import Topics

if TYPE_CHECKING:
    from inventory_schemas.registry import ConfluentRegistry

_SECRET_WORDS: Final = ("password", "secret", "jaas", "pem", "user.info", "token")
_REGISTRY_SETTINGS: Final = frozenset(
    {
        "basic.auth.user.info",
        "bearer.auth.credentials.source",
        "bearer.auth.token",
        "bearer.auth.logical.cluster",
        "bearer.auth.identity.pool.id",
        "ssl.ca.location",
        "ssl.certificate.location",
        "ssl.key.location",
        "ssl.key.password",
    }
)


@dataclass(frozen=True, slots=True)
class Connection:
    """Where everything is, what the topics are called there, and how they are made."""

    kafka: KafkaSettings
    schema_registry_url: str
    topics: Topics
    partitions: int = PARTITIONS_DEFAULT
    replication: int = 1
    registry_security: Mapping[str, str] = field(default_factory=dict, repr=False)


def connection(
    config: Path | None,
    bootstrap_servers: str | None,
    schema_registry: str | None,
    env: Mapping[str, str] | None = None,
) -> Connection:
    """From the settings file when there is one, the addresses given taking its place; else from the addresses.

    Only what is about Kafka, registry and topics is read, so that a producer needs no marketplace's secrets.

    Raises:
        ConfigError: the settings file has faults.
        NoAddress: nobody said where Kafka or the registry is.
    """
    if config is None:
        kafka, registry = local_stack_or(bootstrap_servers, schema_registry)
        return Connection(KafkaSettings(kafka), registry, Topics(tuple(MARKETPLACES)))
    env = os.environ if env is None else env
    faults: list[ConfigFault] = []
    root = FileFields(read_document(config), "", faults)
    found = read_connection(root, env, SecretSource(env, config.absolute().parent), faults)
    if faults:
        raise ConfigError(faults)
    return replace(
        found,
        kafka=replace(found.kafka, bootstrap_servers=bootstrap_servers or found.kafka.bootstrap_servers),
        schema_registry_url=schema_registry or found.schema_registry_url,
    )


def read_connection(
    root: FileFields, env: Mapping[str, str], secrets: SecretSource, faults: list[ConfigFault]
) -> Connection:
    """The sections `kafka`, `schema_registry` and `topics`; the environment overrides the two addresses."""
    fields = root.within("kafka")
    env_bootstrap, env_registry = env.get(ENV_BOOTSTRAP_SERVERS), env.get(ENV_SCHEMA_REGISTRY)
    bootstrap = fields.text("bootstrap_servers", env_bootstrap or None)
    security = _security(fields.mapping("security"), "kafka.security", SECURITY_SETTINGS, secrets, faults)
    fields.end()
    registry = root.within("schema_registry")
    url = registry.text("url", env_registry or None)
    registry_security = _security(
        registry.mapping("security"), "schema_registry.security", _REGISTRY_SETTINGS, secrets, faults
    )
    registry.end()
    in_file = "" if url == env_registry else url
    for place, address in ((registry.path_of("url"), in_file), (ENV_SCHEMA_REGISTRY, env_registry)):
        if address and not address.startswith(("http://", "https://")):
            text = f"must be an address like http://host:port/path, not {shown(address)!r}"
            faults.append(ConfigFault(place, text))
    if login_of(in_file):
        registry.fault("url", "holds a login: schema_registry.security takes it as basic.auth.user.info")
    topics = root.within("topics")
    prefix = topics.text_or_empty("prefix")
    if not all(letter.isalnum() or letter in "._-" for letter in prefix):
        topics.fault("prefix", f"may hold letters, digits, dots, dashes and underscores only, not {prefix!r}")
    partitions = topics.whole("partitions", PARTITIONS_DEFAULT, least=1, most=PARTITIONS_MAX)
    replication = topics.whole("replication", 1, least=1, most=REPLICATION_MAX)
    topics.end()
    return Connection(
        KafkaSettings(env_bootstrap or bootstrap, security),
        env_registry or url,
        Topics(tuple(MARKETPLACES), prefix),
        partitions,
        replication,
        registry_security,
    )


def _security(
    raw: Mapping[str, object], section: str, known: Set[str], secrets: SecretSource, faults: list[ConfigFault]
) -> dict[str, str]:
    """Settings of a client. What is a credential by its name must come from the environment or a file."""
    security: dict[str, str] = {}
    for name, given in raw.items():
        path = f"{section}.{name}"
        value = secrets.resolved(given, path, faults)
        if name not in known:
            faults.append(ConfigFault(path, f"is not one of {', '.join(sorted(known))}"))
        elif isinstance(value, Secret):
            security[name] = value.reveal()
        elif isinstance(value, Mapping | list) or value is None:
            faults.append(ConfigFault(path, "must be text, a number, or true or false"))
        elif is_secret(name):
            text = "secrets come from the environment or a file only: write {env: NAME} or {file: PATH}"
            faults.append(ConfigFault(path, text))
        else:
            security[name] = str(value).lower() if isinstance(value, bool) else str(value)
    return security


def registry_of(found: Connection) -> ConfluentRegistry:
    """The schema registry, with what it asks of who logs in. Nothing is asked yet."""
    from inventory_schemas.registry import ConfluentRegistry

    return ConfluentRegistry(found.schema_registry_url, found.registry_security)


def application_of(config: Path) -> str:
    """What the settings file calls the system; nothing else of the file is judged."""
    return FileFields(read_document(config), "", []).text("application_id", APPLICATION_DEFAULT)


def is_secret(name: str) -> bool:
    """Whether this setting of a client is a credential, by its name."""
    return any(word in name for word in _SECRET_WORDS)
