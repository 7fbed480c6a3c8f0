"""How the schema registry's login is read from the settings file."""

from pathlib import Path

import pytest

from inventory_cli.connecting import connection
from inventory_domain.errors import ConfigError


def _file(folder: Path, security: str) -> Path:
    path = folder / "sync.yaml"
    path.write_text(
        "kafka: {bootstrap_servers: 'kafka:9092'}\n"
        f"schema_registry: {{url: 'https://registry', security: {security}}}\n"
    )
    return path


def test_a_registry_login_comes_from_the_environment(tmp_path: Path) -> None:
    path = _file(tmp_path, "{basic.auth.user.info: {env: LOGIN}, ssl.ca.location: /ca.crt}")

    found = connection(path, None, None, {"LOGIN": "me:mine"})

    assert found.registry_security == {"basic.auth.user.info": "me:mine", "ssl.ca.location": "/ca.crt"}
    assert "mine" not in repr(found)


@pytest.mark.parametrize(
    ("security", "fault"),
    [
        ("{basic.auth.user.info: me:mine}", "secrets come from the environment or a file only"),
        ("{basic.auth.user: me}", "is not one of"),
    ],
)
def test_a_registry_setting_that_cannot_be_is_told(tmp_path: Path, security: str, fault: str) -> None:
    with pytest.raises(ConfigError) as told:
        connection(_file(tmp_path, security), None, None, {})

    (found,) = told.value.faults
    assert found.path.startswith("schema_registry.security.basic.auth.user")
    assert fault in found.message
    assert "mine" not in found.message
