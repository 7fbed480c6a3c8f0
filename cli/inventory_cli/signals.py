"""`inventory-sync signals`: take what marketplaces tell, and have them tell it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from inventory_cli.options import ConfigFile

if TYPE_CHECKING:
    from inventory_cli.settings import Settings
    from inventory_domain.bulk import CallFailed
    from inventory_domain.signals import KeepsSubscriptions, Subscription

app = typer.Typer(
    no_args_is_help=True,
    help="Take what marketplaces tell of their own accord, and have them tell it. A signal leads to a read of its "
    "listing; orders are netted from what other channels may show.",
)

Channel = Annotated[str, typer.Argument(metavar="CHANNEL", help="A channel of the settings file; all of its account.")]
CALL_S_MAX = 60.0
PACE_S = 1.1  # the slowest of the operations behind these commands is allowed once a second


@app.command()
def serve(config: ConfigFile) -> None:
    """Take webhooks, and read queues, of every account that has `signals` in the settings, until Ctrl-C or SIGTERM.

    Each account's messages come to the path of its `signals.endpoint`; TLS ends at the ingress before this process.
    Run several: a message that two of them take counts once. Serves /metrics, /livez and /readyz.

        inventory-sync signals serve --config sync.yaml
    """
    from inventory_adapters.catalog import MARKETPLACES
    from inventory_cli import wiring
    from inventory_cli.clock import SystemClock
    from inventory_cli.logging import configure
    from inventory_cli.process_names import SIGNALS
    from inventory_cli.settings import load
    from inventory_cli.tracing import traced
    from inventory_domain.signals import TakesMessages
    from inventory_streams.signals.intake import SignalingAccount
    from inventory_streams.signals.run import run

    metrics = wiring.metrics()
    settings = wiring.observed(load(config, secrets_at=MARKETPLACES), metrics)
    processes = settings.processes
    configure(SIGNALS, level=processes.log_level, form=processes.log_format, secrets=wiring.secrets(settings))
    clock = SystemClock()
    accounts, endpoints, adapters = [], {}, []
    for name, account in settings.accounts.items():
        adapter = MARKETPLACES[account.marketplace].build(account, clock)
        adapters.append(adapter)
        if isinstance(adapter, TakesMessages):
            taking = SignalingAccount(name, account.marketplace, adapter, account.channel_ids, account.markets)
            accounts.append(taking)
            if account.signals_endpoint is not None:
                endpoints[account.signals_endpoint] = taking
    with traced(settings, SIGNALS) as settings:
        status = run(
            wiring.signals_settings(settings),
            accounts,
            endpoints,
            adapters,
            wiring.registry(settings),
            metrics,
            clock,
        )
    raise typer.Exit(status)


@app.command()
def status(channel: Channel, config: ConfigFile) -> None:
    """Say what the marketplace is asked to tell, and where to; ends with 1 when something is missing.

    inventory-sync signals status shop --config sync.yaml
    """

    async def ask(keeper: KeepsSubscriptions) -> bool:
        wrong = [one for one in await _listed(keeper) if not _tell(one)]
        return not wrong

    _do(channel, config, ask)


@app.command()
def subscribe(channel: Channel, config: ConfigFile) -> None:
    """Have the marketplace tell everything that the settings ask for; what is right already stays as it is.

    inventory-sync signals subscribe shop --config sync.yaml
    """

    async def ask(keeper: KeepsSubscriptions) -> bool:
        well = True
        for one in await _listed(keeper):
            if one.state != "on":
                await asyncio.sleep(PACE_S)
                answer = await keeper.subscribe(one.topic)
                well &= _tell(_checked(answer, one.topic))
            else:
                well &= _tell(one)
        return well

    _do(channel, config, ask)


@app.command()
def unsubscribe(channel: Channel, config: ConfigFile) -> None:
    """Have the marketplace tell nothing any more, wherever it told it to.

    inventory-sync signals unsubscribe shop --config sync.yaml
    """

    async def ask(keeper: KeepsSubscriptions) -> bool:
        for one in await _listed(keeper):
            if one.state != "missing":
                await asyncio.sleep(PACE_S)
                one = _checked(await keeper.unsubscribe(one.topic), one.topic)
            _tell(one)
        return True

    _do(channel, config, ask)


def _do(channel: str, config: Path, ask: Callable[[KeepsSubscriptions], Awaitable[bool]]) -> None:
    from inventory_cli.settings import load

    settings = load(config)
    if channel not in settings.policy.channels:
        known = ", ".join(sorted(settings.policy.channels))
        raise typer.BadParameter(f"{channel!r} is not one of {known}", param_hint="CHANNEL")
    if not asyncio.run(_with_keeper(settings, channel, ask)):
        raise typer.Exit(1)


async def _with_keeper(settings: Settings, channel: str, ask: Callable[[KeepsSubscriptions], Awaitable[bool]]) -> bool:
    from inventory_adapters.catalog import MARKETPLACES
    from inventory_cli.clock import SystemClock
    from inventory_domain.identifiers import ChannelId
    from inventory_domain.signals import KeepsSubscriptions

    account = settings.accounts[settings.policy.channels[ChannelId(channel)].account]
    adapter = MARKETPLACES[account.marketplace].build(account, SystemClock())
    try:
        if not isinstance(adapter, KeepsSubscriptions):
            raise _Refused(f"{account.marketplace} tells nothing of its own accord")
        async with asyncio.timeout(CALL_S_MAX * 10):
            return await ask(adapter)
    except _Refused as error:
        typer.secho(str(error), err=True, fg=typer.colors.RED)
        raise typer.Exit(2) from error
    finally:
        await adapter.aclose()


class _Refused(Exception):
    """The marketplace did not do it; the message says why."""


async def _listed(keeper: KeepsSubscriptions) -> tuple[Subscription, ...]:
    from inventory_domain.bulk import CallFailed

    answer = await keeper.subscriptions()
    if isinstance(answer, CallFailed):
        raise _Refused(_why(answer))
    return answer.subscriptions


def _checked(answer: Subscription | CallFailed, topic: str) -> Subscription:
    from inventory_domain.bulk import CallFailed

    if isinstance(answer, CallFailed):
        raise _Refused(f"{topic}: {_why(answer)}")
    return answer


def _why(failed: CallFailed) -> str:
    said = f"{failed.api}: {failed.kind}, {failed.reason}"
    return f"{said}: {failed.error}" if failed.error else said


def _tell(one: Subscription) -> bool:
    """One line; whether it is as it should be."""
    said = {
        "on": "on",
        "off": "turned off at the marketplace",
        "missing": "not subscribed",
        "elsewhere": "told to another place than the settings say",
    }[one.state]
    typer.echo(f"{one.topic}: {said}")
    return one.state == "on"
