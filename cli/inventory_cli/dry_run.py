"""`inventory-sync deliver MARKETPLACE --dry-run`: what would be sent, and what the marketplace says to it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import typer

if TYPE_CHECKING:
    from inventory_cli.settings import Settings
    from inventory_domain.bulk import CheckAnswer
    from inventory_domain.identifiers import ChannelId, Marketplace
    from inventory_domain.targets import Target

TAKEN: Final = "would be taken"
NOT_CHECKED: Final = "not checked"
REFUSED: Final = "rejected"


@dataclass(frozen=True, slots=True)
class Previewed:
    """One write that was not made, and what the marketplace says to it."""

    target: Target
    said: str
    kind: str


def dry_run(
    settings: Settings,
    marketplace: Marketplace,
    channels: Sequence[ChannelId],
    skus: Sequence[str],
    limit: int,
    *,
    as_json: bool,
) -> int:
    """Say it for each channel; the exit code is 1 where a write would be refused, 2 where it could not be asked."""
    from inventory_cli.stored_listings import stored_listings
    from inventory_domain.identifiers import Sku
    from inventory_domain.previews import would_be_sent

    worst = 0
    for channel in channels:
        targets, exposures = stored_listings(settings, marketplace, channel)
        due = would_be_sent(targets.values(), exposures, [Sku(one) for one in skus])
        if not as_json:
            typer.echo(f"{channel}: {len(due)} of {len(targets)} listings would be sent")
        worst = max(worst, asyncio.run(_channel(settings, marketplace, channel, due[:limit], as_json=as_json)))
        if len(due) > limit and not as_json:
            typer.echo(f"the {limit} most urgent of {len(due)} are shown; --limit shows more")
    if not as_json:
        typer.echo("dry run: nothing was written")
    return worst


async def _channel(
    settings: Settings, marketplace: Marketplace, channel: ChannelId, due: Sequence[Target], *, as_json: bool
) -> int:
    worst = 0
    async for one in _previewed(settings, marketplace, channel, due):
        worst = max(worst, 1 if one.kind == REFUSED else 0 if one.kind in (TAKEN, NOT_CHECKED) else 2)
        target = one.target
        if as_json:
            facts = {"listing": target.listing_id, "sku": target.sku, "quantity": target.quantity}
            typer.echo(json.dumps({**facts, "kind": one.kind, "said": one.said}, ensure_ascii=False))
        else:
            typer.echo(f"{target.listing_id}: {target.quantity} units, {one.said}")
    return worst


async def _previewed(
    settings: Settings, marketplace: Marketplace, channel: ChannelId, due: Sequence[Target]
) -> AsyncIterator[Previewed]:
    """Each write, checked by the marketplace where it offers that, within the pulls' part of the account's limits."""
    from inventory_adapters.catalog import MARKETPLACES
    from inventory_cli.clock import SystemClock
    from inventory_domain.bulk import ChecksPushes
    from inventory_domain.ports import Push
    from inventory_streams.reconcile.budget import PullBudget

    clock = SystemClock()
    account = next(one for one in settings.accounts.values() if channel in one.channel_ids)
    adapter = MARKETPLACES[marketplace].build(account, clock)
    try:
        if not isinstance(adapter, ChecksPushes):
            for target in due:
                yield Previewed(target, f"not checked: {marketplace} has no preview of a write", NOT_CHECKED)
            return
        reconcile, traits = settings.processes.reconcile, adapter.check_traits
        throttle = PullBudget(adapter.traits, reconcile.pull_share, reconcile.reserve, clock).of(traits.operation)
        for target in due:
            await throttle.acquire(traits.cost)
            push = Push(
                listing_id=target.listing_id,
                channel=target.channel,
                quantity=target.quantity,
                nodes=target.nodes,
                marketplace_ids=target.marketplace_ids,
                version=target.version,
                key="",
            )
            answer = await adapter.check(push)
            previewed = _said(target, answer)
            throttle.answered(answer.seen, refused=previewed.kind == "throttled")
            yield previewed
    finally:
        await adapter.aclose()


def _said(target: Target, answer: CheckAnswer) -> Previewed:
    from inventory_domain.bulk import CheckPassed
    from inventory_domain.outcomes import kind_of

    if isinstance(answer, CheckPassed):
        return Previewed(target, TAKEN, TAKEN)
    kind = kind_of(answer)
    error = f": {answer.error}" if answer.error else ""
    verb = "would be refused" if kind == REFUSED else "could not be checked"
    return Previewed(target, f"{verb}, {answer.reason}{error}", kind)
