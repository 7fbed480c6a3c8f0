"""Builders for readings of listings and what they are judged by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from inventory_domain.causes import Evidence, SentNumber, SignalSeen
from inventory_domain.corrections import CorrectionPolicy, Judged
from inventory_domain.expected import ChannelMove, ReadTraits
from inventory_domain.exposure import Attempt, AttemptState, Confirmed, Exposure, LastAttempt, Proof, Result
from inventory_domain.identifiers import ChannelId, ListingId, OrderId, Sku
from inventory_domain.reconciliation import Observation, ObservedBy

MINUTE = 60_000
HOUR = 60 * MINUTE
START = 1_700_000_000_000
CHANNEL = ChannelId("market-us")
LISTING = ListingId("market-us/A")
SKU = Sku("A")
SETTLING = 15 * MINUTE
TRAITS = ReadTraits(includes_own_sales=True, settling_ms=SETTLING)


def at(minutes: float) -> int:
    """So many minutes after the start."""
    return START + round(minutes * MINUTE)


def shown(quantity: int, sent_min: float = 0, *, seen_min: float | None = None, version: int = 1) -> Exposure:
    """A listing whose newest write has settled: seen live at that time, or taken for live without being seen."""
    proof = Proof.ASSUMED if seen_min is None else Proof.READ
    known_at = at(sent_min) + SETTLING if seen_min is None else at(seen_min)
    return Exposure(
        LISTING,
        SKU,
        confirmed=Confirmed(quantity, version, known_at, proof),
        last=LastAttempt(version, version, quantity, {}, None, at(sent_min), Result.ACCEPTED),
    )


def settling(exposure: Exposure, quantity: int, sent_min: float, *, version: int = 2) -> Exposure:
    """The same with one more write that was accepted and is not live yet."""
    attempt = Attempt(
        version,
        version,
        quantity,
        {},
        None,
        "single",
        None,
        at(sent_min),
        at(sent_min) + SETTLING,
        AttemptState.ACCEPTED,
        fall=True,
    )
    last = LastAttempt(version, version, quantity, {}, None, at(sent_min), Result.ACCEPTED)
    return replace(exposure, last=last, open=(*exposure.open, attempt))


def sold(units: int, minutes: float, order: str = "O1") -> ChannelMove:
    """Units that the channel sold; below 0 they came back."""
    return ChannelMove(at(minutes), units, OrderId(order))


def a_reading(quantity: int | None, minutes: float, *, age_min: float = 0, evidence: str = "") -> Observation:
    """What the marketplace showed at that time; it may be as old as `age_min`."""
    return Observation(
        LISTING, SKU, CHANNEL, quantity, {}, ObservedBy.PULL, at(minutes - age_min), at(minutes), evidence
    )


def judged_by(
    exposure: Exposure,
    minutes: float,
    *,
    moves: Sequence[ChannelMove] = (),
    sent: Sequence[SentNumber] = (),
    signal: SignalSeen | None = None,
    newest: int | None = None,
    policy: CorrectionPolicy | None = None,
    traits: ReadTraits = TRAITS,
) -> Judged:
    """All that a reading is judged by at that time."""
    version = exposure.last.version if exposure.last else 1
    policy = policy or CorrectionPolicy()
    evidence = Evidence(
        exposure,
        moves,
        sent,
        signal,
        late_ms=round(policy.late_s * 1_000),
        includes_own_sales=traits.includes_own_sales,
        order_delay_ms=round(policy.order_delay_s * 1_000),
    )
    return Judged(newest or version, evidence, traits, policy, at(minutes))
