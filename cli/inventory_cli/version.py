"""`inventory-sync version`."""

from __future__ import annotations

import platform
from importlib.metadata import version as installed

import typer

app = typer.Typer()


@app.command()
def version() -> None:
    """Say which version this is, and of what it is made. Example: inventory-sync version"""
    typer.echo(f"inventory-sync {installed('inventory-sync')}")
    typer.echo(f"  Python            {platform.python_version()}")
    for name in ("confluent-kafka", "faust-streaming", "fastavro", "httpx"):
        typer.echo(f"  {name:<17} {installed(name)}")
