"""Settings for a sandbox: limits and settling times at its speed, and no credential in the file."""

import json
import stat
from pathlib import Path

import pytest
from typer.testing import CliRunner

from inventory_cli import config
from inventory_cli.documents import SecretSource, parse_document
from inventory_cli.sandbox_template import sandbox_draft
from inventory_cli.settings import Settings, read
from inventory_cli.template import settings_text
from inventory_domain.errors import ConfigError
from inventory_sandbox.marketplaces.server import announcement
from inventory_sandbox.marketplaces.settings import SandboxSettings
from inventory_sandbox.marketplaces.tls import server_context

NAMES = ("amazon", "ebay", "walmart", "shopify", "control")
URLS = {name: f"http://127.0.0.1:{20_000 + index}" for index, name in enumerate(NAMES)}


def settings_for(factor: float, folder: Path) -> tuple[str, Settings]:
    facts = json.loads(json.dumps(announcement(SandboxSettings(factor=factor), URLS)))
    text = settings_text(sandbox_draft("localhost:9092", "http://localhost:8081", facts, folder / "secrets"))
    return text, read(parse_document(text), {}, SecretSource({}, folder))


def test_limits_and_settling_times_are_scaled(tmp_path: Path) -> None:
    _, settings = settings_for(0.1, tmp_path)

    amazon = settings.accounts["amazon"]  # type: ignore[index]
    assert amazon.limit("patchListingsItem").rate_per_s == pytest.approx(50)
    assert amazon.settling_s_max == pytest.approx(90)


def test_every_account_is_the_sandboxs(tmp_path: Path) -> None:
    _, settings = settings_for(1.0, tmp_path)

    urls = {str(name): account.calls.base_url for name, account in settings.accounts.items()}
    assert urls == {name: URLS[name] for name in ("amazon", "ebay", "walmart", "shopify")}
    assert set(settings.policy.channels) == {"amazon-us", "amazon-ca", "amazon-mx", "ebay-us", "walmart-us", "shop"}


def test_credentials_are_in_files_that_only_the_owner_reads(tmp_path: Path) -> None:
    text, _ = settings_for(1.0, tmp_path)

    files = list((tmp_path / "secrets").iterdir())
    assert len(files) == 6
    assert all(stat.S_IMODE(file.stat().st_mode) == 0o600 for file in files)
    assert all(file.read_text() not in text for file in files)


def test_a_sandbox_served_by_https_is_trusted_by_its_own_authority(tmp_path: Path) -> None:
    authority = tmp_path / "ca.pem"
    server_context(authority, "127.0.0.1")
    facts = announcement(SandboxSettings(authority_file=authority), URLS)
    text = settings_text(sandbox_draft("localhost:9092", "http://localhost:8081", facts, tmp_path / "secrets"))

    settings = read(parse_document(text), {}, SecretSource({}, tmp_path))

    assert {account.calls.ca_file for account in settings.accounts.values()} == {str(authority)}


@pytest.mark.parametrize("file", ["missing.pem", "empty.pem"])
def test_an_authority_that_cannot_be_read_is_a_fault_of_the_settings(file: str, tmp_path: Path) -> None:
    """Found at the first call it would look like an outage of the marketplace."""
    (tmp_path / "empty.pem").write_text("")
    facts = {**announcement(SandboxSettings(), URLS), "ca_file": str(tmp_path / file)}
    text = settings_text(sandbox_draft("localhost:9092", "http://localhost:8081", facts, tmp_path / "secrets"))

    with pytest.raises(ConfigError, match=r"amazon\.ca_file"):
        read(parse_document(text), {}, SecretSource({}, tmp_path))


@pytest.mark.parametrize("broken", [{}, {"amazon": {}}, {"factor": "fast"}])
def test_what_is_not_a_sandboxs_announcement_is_refused(broken: dict[str, object], tmp_path: Path) -> None:
    facts = broken if "factor" not in broken else {**announcement(SandboxSettings(), URLS), **broken}

    with pytest.raises(ConfigError):
        sandbox_draft("localhost:9092", "http://localhost:8081", facts, tmp_path)


def test_a_sandbox_that_has_just_been_started_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`sandbox --json > sandbox.json &` makes the file at once, and says what it is some seconds later."""
    said, file = tmp_path / "sandbox.json", tmp_path / "sync.yaml"
    said.write_text("")
    line = json.dumps(announcement(SandboxSettings(factor=0.5), URLS))
    monkeypatch.setattr(config.time, "sleep", lambda _: said.write_text(f"{line}\n"))
    addresses = ["--bootstrap-servers", "kafka:9092", "--schema-registry", "http://registry:8081"]

    done = CliRunner().invoke(config.app, ["init", str(file), "--sandbox", str(said), *addresses])

    assert done.exit_code == 0, done.output
    assert URLS["amazon"] in file.read_text()


@pytest.mark.parametrize(("text", "words"), [("", "is empty"), ("hello\n", "begin with JSON"), ("[]\n", "is not what")])
def test_what_is_not_a_sandboxs_word_is_told(
    text: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = tmp_path / "sandbox.json"
    said.write_text(text)
    monkeypatch.setattr(config, "SANDBOX_S_MAX", 0.0)
    addresses = ["--bootstrap-servers", "kafka:9092", "--schema-registry", "http://registry:8081"]

    done = CliRunner().invoke(config.app, ["init", str(tmp_path / "s.yaml"), "--sandbox", str(said), *addresses])

    assert isinstance(done.exception, ConfigError)
    assert words in str(done.exception)


def test_a_settings_file_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    addresses = ["--bootstrap-servers", "kafka:9092", "--schema-registry", "http://registry:8081"]

    done = CliRunner().invoke(config.app, ["init", str(tmp_path / "nowhere" / "sync.yaml"), *addresses])

    assert isinstance(done.exception, ConfigError)
    assert "sync.yaml: cannot be written" in str(done.exception)
