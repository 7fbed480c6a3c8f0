"""`inventory-sync sandbox`: the four marketplaces as local servers."""

from __future__ import annotations

import asyncio
import json
import signal
import tempfile
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer()
NAMES = ("amazon", "ebay", "walmart", "shopify", "control")


@app.command()
def sandbox(
    skus: Annotated[int, typer.Option(min=0, help="SKUs of the demo's assortment; 0 starts empty.")] = 500,
    factor: Annotated[
        float,
        typer.Option(min=1e-6, help="1 has the marketplaces' real delays and limits; 0.0167 is 60 x faster."),
    ] = 1.0,
    burst_factor: Annotated[float, typer.Option(min=1e-6, help="Multiplies what a limit allows at once.")] = 1.0,
    seed: Annotated[int, typer.Option(help="All chance comes from it.")] = 7,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[
        list[str] | None, typer.Option(metavar="NAME=PORT", help=f"A fixed port for one of {', '.join(NAMES)}.")
    ] = None,
    ebay_group_size: Annotated[int, typer.Option(min=1, max=25, help="SKUs that one eBay bulk call takes.")] = 25,
    tls: Annotated[
        bool, typer.Option("--tls", help="Serve the marketplaces by https, with an authority made for this run.")
    ] = False,
    ca_file: Annotated[
        Path | None,
        typer.Option(help="Where --tls writes the authority to be trusted; else in a folder of its own for this run."),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print addresses and credentials as one JSON object on the first line.")
    ] = False,
) -> None:
    """Serve stand-ins for Amazon, eBay, Walmart and Shopify here, filled with listings, until Ctrl-C.

    They have the marketplaces' tokens, validation, throttles and delays between accepted and live. The control
    address shows every listing's live quantity and history, and injects faults:

        inventory-sync sandbox --factor 0.0167 --json > sandbox.json &

        curl CONTROL/listings?marketplace=ebay

        curl CONTROL/faults -d '{"marketplace": "ebay", "mode": "503", "duration_s": 30}'

    A client that calls https only is served with --tls, and trusts the file that is printed: by an option of its own,
    by SSL_CERT_FILE (httpx, OpenSSL), REQUESTS_CA_BUNDLE (requests) or NODE_EXTRA_CA_CERTS (Node).
    """
    from inventory_sandbox.marketplaces.settings import SandboxSettings

    if ca_file is not None and not tls:
        raise typer.BadParameter("goes with --tls", param_hint="--ca-file")
    folder = tempfile.TemporaryDirectory(prefix="inventory-sync-sandbox-") if tls and ca_file is None else None
    settings = SandboxSettings(
        factor=factor,
        burst_factor=burst_factor,
        seed=seed,
        host=host,
        ports=_ports(port or []),
        skus=skus,
        ebay_group_size=ebay_group_size,
        authority_file=Path(folder.name) / "ca.pem" if folder is not None else ca_file,
    )
    try:
        asyncio.run(_serve(settings, as_json))
    except OSError as error:
        what = f"{error.filename} cannot be written" if error.filename else "a port cannot be listened on"
        typer.secho(f"{what}: {error}", err=True, fg=typer.colors.RED)
        raise typer.Exit(2) from error
    finally:
        if folder is not None:
            folder.cleanup()


async def _serve(settings: object, as_json: bool) -> None:
    from inventory_sandbox.marketplaces.server import serve
    from inventory_sandbox.marketplaces.settings import SandboxSettings

    assert isinstance(settings, SandboxSettings)
    serving = asyncio.ensure_future(serve(settings, _announce_json if as_json else _announce_text))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, serving.cancel)
    try:
        await serving
    except asyncio.CancelledError:
        return


def _announce_json(facts: dict[str, object]) -> None:
    typer.echo(json.dumps(facts))


def _announce_text(facts: dict[str, object]) -> None:
    typer.echo(f"control   {facts['control_url']}")
    if "ca_file" in facts:
        typer.echo(f"to trust  {facts['ca_file']}")
    for name in NAMES[:-1]:
        of_one = facts[name]
        assert isinstance(of_one, dict)
        typer.echo(f"{name:<9} {of_one['base_url']}")
    typer.echo("credentials: --json. Settings that point here: inventory-sync config init FILE --sandbox JSON")


def _ports(given: list[str]) -> dict[str, int]:
    ports: dict[str, int] = {}
    for one in given:
        name, _, number = one.partition("=")
        if name not in NAMES or not number.isdecimal() or not 0 < int(number) < 65_536:
            raise typer.BadParameter(f"{one!r} is not NAME=PORT with one of {', '.join(NAMES)}", param_hint="--port")
        ports[name] = int(number)
    return ports
