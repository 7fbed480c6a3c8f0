"""Options that several commands have, said once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from inventory_cli.defaults import ENV_BOOTSTRAP_SERVERS, ENV_SCHEMA_REGISTRY

ENV_CONFIG = "INVENTORY_SYNC_CONFIG"

ConfigFile = Annotated[
    Path,
    typer.Option(
        "--config",
        "-c",
        envvar=ENV_CONFIG,
        help="The settings file; `inventory-sync config init` writes one.",
        dir_okay=False,
    ),
]
OptionalConfigFile = Annotated[
    Path | None,
    typer.Option("--config", "-c", envvar=ENV_CONFIG, help="Take addresses and topic names from this settings file."),
]
EngineConfigFile = Annotated[
    Path | None,
    typer.Option(
        "--config", "-c", envvar=ENV_CONFIG, help="The settings file; `inventory-sync config init` writes one."
    ),
]
ChannelName = Annotated[
    str, typer.Argument(metavar="CHANNEL", help="The channel, as below `channels` of the settings.")
]
Why = Annotated[str, typer.Option("--why", metavar="TEXT", help="The reason, for whoever finds it later.")]
By = Annotated[str | None, typer.Option("--by", metavar="NAME", help="Who does it. Default: your user name.")]
BootstrapServers = Annotated[
    str | None,
    typer.Option(envvar=ENV_BOOTSTRAP_SERVERS, help="Kafka's address, host:port. Default: the local stack."),
]
SchemaRegistry = Annotated[
    str | None,
    typer.Option(envvar=ENV_SCHEMA_REGISTRY, help="The schema registry's URL. Default: the local stack."),
]
