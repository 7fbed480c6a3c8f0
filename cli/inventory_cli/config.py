"""`inventory-sync config`: write, check and show the settings file."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from inventory_cli.defaults import APPLICATION_DEFAULT
from inventory_cli.options import BootstrapServers, ConfigFile, SchemaRegistry
from inventory_domain.errors import ConfigError, ConfigFault

if TYPE_CHECKING:
    from inventory_cli.settings import Settings

SANDBOX_S_MAX: Final = 30.0  # that a sandbox takes to start, on a busy machine
SANDBOX_POLL_S: Final = 0.1

app = typer.Typer(
    no_args_is_help=True,
    help="Write, check and show the settings file. Start with: inventory-sync config init sync.yaml",
)


@app.command()
def init(
    file: Annotated[Path, typer.Argument(help="The file to write.", dir_okay=False)],
    bootstrap_servers: BootstrapServers = None,
    schema_registry: SchemaRegistry = None,
    sandbox: Annotated[
        Path | None,
        typer.Option(help="What `sandbox --json` printed: the accounts then point at that sandbox.", exists=True),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
) -> None:
    """Write a commented settings file with every setting and its default.

    Addresses are those given, else those of the local stack when one was started.

        inventory-sync config init sync.yaml
    """
    from inventory_cli.addresses import local_stack_or
    from inventory_cli.sandbox_template import sandbox_draft
    from inventory_cli.template import settings_text, starting_draft

    if file.exists() and not force:
        typer.secho(f"{file} is there already; --force replaces it", err=True, fg=typer.colors.RED)
        raise typer.Exit(2)
    kafka, registry = local_stack_or(bootstrap_servers, schema_registry)
    if sandbox is None:
        draft = starting_draft(kafka, registry)
    else:
        facts = _announced(sandbox)
        draft = sandbox_draft(kafka, registry, facts, file.absolute().parent / f"{file.stem}.secrets")
    try:
        file.write_text(settings_text(draft), encoding="utf-8")
    except OSError as error:
        raise ConfigError([ConfigFault(str(file), f"cannot be written: {error}")]) from error
    typer.echo(f"wrote {file}; next: inventory-sync config check {file}")


def _announced(file: Path) -> Mapping[str, object]:
    """What a sandbox said of itself in this file; one that was just started is waited for.

    Raises:
        ConfigError: it said nothing in time, or something else is in the file.
    """
    end_s = time.monotonic() + SANDBOX_S_MAX
    while "\n" not in (text := file.read_text(encoding="utf-8")) and time.monotonic() < end_s:
        time.sleep(SANDBOX_POLL_S)
    try:
        facts = json.loads(text.partition("\n")[0])
    except ValueError as error:
        said = "is empty" if not text else f"does not begin with JSON: {error}"
        raise ConfigError([ConfigFault(str(file), f"{said}; it must be what `sandbox --json` printed")]) from error
    if not isinstance(facts, dict):
        raise ConfigError([ConfigFault(str(file), "is not what `sandbox --json` printed")])
    return facts


@app.command()
def check(
    file: Annotated[Path, typer.Argument(help="The settings file.")],
    skip_secrets: Annotated[
        bool, typer.Option("--skip-secrets", help="Do not look secrets up: for a machine that has none.")
    ] = False,
) -> None:
    """Name every fault in the file with its path, and exit with 1; or say what the file amounts to.

    inventory-sync config check sync.yaml
    """
    from inventory_cli.observing_settings import warnings
    from inventory_cli.policy_words import policy_words, withheld_words
    from inventory_cli.quota_words import connection_words, quota_words
    from inventory_cli.settings import load
    from inventory_schemas.address import shown

    try:
        settings = load(file, look_up_secrets=not skip_secrets)
    except ConfigError as error:
        for fault in error.faults:
            typer.secho(str(fault), err=True, fg=typer.colors.RED)
        count = len(error.faults)
        typer.secho(f"{count} {'fault' if count == 1 else 'faults'} in {file}", err=True)
        raise typer.Exit(1) from error
    delivery = settings.processes.delivery
    quotas = quota_words(settings.accounts, delivery.report_interval_s)
    at_once = delivery.requests_in_flight_max + delivery.reads_in_flight_max
    connections = connection_words(settings.accounts, at_once)
    for warning in [*warnings(settings.processes.reconcile), *quotas, *connections, *_beside_others(settings)]:
        typer.secho(warning, err=True, fg=typer.colors.YELLOW)
    typer.echo(f"{file} is sound")
    typer.echo(f"  Kafka            {settings.connection.kafka.bootstrap_servers}")
    typer.echo(f"  schema registry  {shown(settings.connection.schema_registry_url)}")
    typer.echo(f"  accounts         {', '.join(sorted(settings.accounts))}")
    for name, channel in sorted(settings.policy.channels.items()):
        locations = ", ".join(sorted(channel.locations))
        typer.echo(f"  channel          {name}: {channel.marketplace}, {withheld_words(channel)}, from {locations}")
    for line in policy_words(settings.policy):
        typer.echo(f"  policy           {line}")


def _beside_others(settings: Settings) -> list[str]:
    """Whoever has a prefix of his own shares his Kafka with another system, which may have the usual name, too."""
    if not settings.connection.topics.prefix or settings.application_id != APPLICATION_DEFAULT:
        return []
    return [
        f"application_id: is {APPLICATION_DEFAULT}, as by default; another system on this Kafka, with another "
        "topics.prefix, needs another application_id too: with one name each ends the other's processes"
    ]


@app.command()
def show(config: ConfigFile) -> None:
    """Print the settings as they are understood, every default filled in, secrets as ***.

    inventory-sync config show --config sync.yaml
    """
    from inventory_cli.settings import load
    from inventory_cli.showing import shown

    typer.echo(shown(load(config)), nl=False)
