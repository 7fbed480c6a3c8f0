"""When a difference is acted upon, and what is done: waited for, corrected, escalated, or given up (rules 29 to 32)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum
from fractions import Fraction

from inventory_domain.causes import Evidence, classify
from inventory_domain.errors import ConfigFault
from inventory_domain.expected import ExpectedRange, ReadTraits, expected_range
from inventory_domain.exposure import Result
from inventory_domain.reconciliation import Action, Cause, Discrepancy, Observation, Severity


@dataclass(frozen=True, slots=True)
class CorrectionPolicy:
    """When something is done. Whatever is neither above `units` nor above `percent` of expected is left alone.

    `order_delay_s`: how long the source may take to report an order. `late_s`: how long after its settling time a
    write is still called late and not lost. `answer_s_max`: a correction that the engine has not answered for so long
    is asked for again. `corrections_max`: after so many that did not hold, somebody else is writing.
    """

    units: int = 2
    percent: float = 5.0
    page_units: int = 10
    order_delay_s: float = 3_600.0
    late_s: float = 3_600.0
    answer_s_max: float = 3_600.0
    corrections_max: int = 3

    def severity(self, delta: int, expected: int) -> Severity | None:
        """How serious a difference of so many units is; None: too small to act upon."""
        units, share = abs(delta), Fraction(str(self.percent)) / 100 * expected
        beyond_share = expected > 0 and units > share
        if units > self.page_units or (beyond_share and units > self.units):
            return Severity.PAGE
        if units > self.units or beyond_share:
            return Severity.INVESTIGATE
        return None

    def faults(self, path: str) -> list[ConfigFault]:
        """Everything in these settings that cannot be, each with its path in the configuration file."""
        found = []
        for name, least in (("units", 0), ("page_units", 0), ("corrections_max", 1)):
            if getattr(self, name) < least:
                found.append(ConfigFault(f"{path}.{name}", f"is {getattr(self, name)}; at least {least}"))
        if not 0 <= self.percent <= 100:
            found.append(ConfigFault(f"{path}.percent", f"is {self.percent}; 0 to 100"))
        for name in ("order_delay_s", "late_s", "answer_s_max"):
            value = getattr(self, name)
            if not 0 <= value <= 604_800:
                found.append(ConfigFault(f"{path}.{name}", f"is {value}; 0 to 604800 s, which is a week"))
        return found


@dataclass(frozen=True, slots=True)
class Case:
    """A listing that is being looked at: what was read below its range first, and what was done so far.

    `corrected_version` is the target's version that the last correction judged; None before the first one.
    """

    since_ms: int
    low_read: int | None = None
    low_read_at_ms: int = 0
    corrections: int = 0
    corrected_version: int | None = None
    corrected_at_ms: int = 0
    stopped: bool = False
    noted_version: int | None = None

    def second_look_ms(self, policy: CorrectionPolicy, traits: ReadTraits) -> int | None:
        """From when on a fresh read tells whether what was read below the range has stayed; None: nothing was."""
        if self.low_read is None or self.stopped:
            return None
        return self.low_read_at_ms + round(policy.order_delay_s * 1_000) + traits.read_span_ms


_REPEATED = (Result.OVER_SHOWN, Result.FAILED)  # delivery sends these again by itself


class Standing(Enum):
    """What came of a reading. UNJUDGED: nothing follows from it; NEAR: outside the range by less than the threshold."""

    UNJUDGED = "unjudged"
    WITHIN = "within"
    NEAR = "near"
    DISCREPANT = "discrepant"


@dataclass(frozen=True, slots=True)
class Verdict:
    """A reading, judged. `record` is to be written down, `restate` the version to be sent anew, if any.

    `look_again`: a fresh read of this one listing would tell more, or lead to a write that mends it.
    """

    standing: Standing
    why: str
    case: Case | None
    record: Discrepancy | None = None
    restate: int | None = None
    look_again: bool = False


@dataclass(frozen=True, slots=True)
class Judged:
    """All that a reading is judged by, beside the reading itself. `version` is that of the newest target.

    `answered_ms`: when the read was answered that the exposure is confirmed by; None: not known, so as late as may be.
    """

    version: int
    evidence: Evidence
    traits: ReadTraits
    policy: CorrectionPolicy
    now_ms: int
    answered_ms: int | None = None

    def range_of(self, reading: Observation) -> ExpectedRange | None:
        """What the reading may show."""
        traits, exposure = self.traits, self.evidence.exposure
        if self.answered_ms is not None and exposure.confirmed is not None:
            traits = replace(traits, read_span_ms=max(0, self.answered_ms - exposure.confirmed.at_ms))
        return expected_range(exposure, self.evidence.moves, traits, reading.as_of_ms, reading.observed_at_ms)


def judge(reading: Observation, known: Judged, case: Case | None) -> Verdict:
    """What follows from a reading of one listing, and how its case stands afterwards."""
    if reading.quantity is None:
        return Verdict(Standing.UNJUDGED, "no-quantity", case)
    expected = known.range_of(reading)
    if expected is None or (expected.high is None and expected.delta(reading.quantity) == 0):
        return Verdict(Standing.UNJUDGED, "never-confirmed", case)
    delta = expected.delta(reading.quantity)
    if delta == 0:
        node = _over_shown_node(reading, known)
        if node is None:
            return _within(reading, expected, known, case)
        delta = node
    if reading.as_of_ms < expected.since_ms:
        return Verdict(Standing.UNJUDGED, "older-than-write", case, look_again=True)
    waits = _waits(reading, known, case)
    if waits is not None:
        return Verdict(Standing.UNJUDGED, waits, case)
    severity = known.policy.severity(delta, expected.nearest(reading.quantity))
    if severity is None:
        if case is not None:
            return _within(reading, expected, known, case)
        return Verdict(Standing.NEAR, "below-threshold", None, look_again=delta > 0)
    found = _Found(reading, expected, delta, severity, known, case or Case(reading.observed_at_ms))
    return found.over_shown() if delta > 0 else found.under_shown()


def case_after(record: Discrepancy) -> Case | None:
    """The case as it stands after this record, so that it is known again after a restart."""
    action = Action(record.action)
    if action in (Action.VERIFIED, Action.CLEARED, Action.REPORT):
        return None
    waiting, corrected = action is Action.WAIT, action in (Action.RESTATE, Action.ESCALATE)
    return Case(
        since_ms=record.since_ms or record.observed_at_ms,
        low_read=record.observed if waiting else None,
        low_read_at_ms=record.observed_at_ms if waiting else 0,
        corrections=record.corrections,
        corrected_version=record.judged_version if corrected or record.corrections else None,
        corrected_at_ms=record.observed_at_ms if corrected else 0,
        stopped=action is Action.STOP,
        noted_version=record.judged_version if action is Action.WRITE_DUE else None,
    )


def _waits(reading: Observation, known: Judged, case: Case | None) -> str | None:
    """Why a reading outside the range says nothing yet: a correction is on its way, or has not settled."""
    if case is None or case.corrected_version is None or case.stopped:
        return None
    last = known.evidence.exposure.last
    if last is None or last.version <= case.corrected_version:
        asked_for_ms = known.now_ms - case.corrected_at_ms
        return "correction-on-its-way" if asked_for_ms < known.policy.answer_s_max * 1_000 else None
    settling = any(
        one.number == last.number and one.settles_by_ms > reading.as_of_ms for one in known.evidence.exposure.open
    )
    return "correction-settling" if settling else None


def _within(reading: Observation, expected: ExpectedRange, known: Judged, case: Case | None) -> Verdict:
    if case is None:
        return Verdict(Standing.WITHIN, "within", None)
    if reading.as_of_ms < expected.since_ms:
        return Verdict(Standing.WITHIN, "older-than-write", case)
    last = known.evidence.exposure.last
    judged = case.corrected_version if case.noted_version is None else case.noted_version
    written = judged is not None and last is not None and (last.version > judged or case.noted_version == last.version)
    if written and (why := _unfinished(reading, known)) is not None:
        return Verdict(Standing.WITHIN, why, case)
    if case.corrected_version is not None and not written and known.version > case.corrected_version:
        return Verdict(Standing.WITHIN, "correction-on-its-way", case)
    refused = last is not None and last.result is Result.REJECTED
    if written and not refused:
        action, cause, why = Action.VERIFIED, Cause.UNKNOWN, "what was sent again holds"
    else:
        action, cause, why = Action.CLEARED, Cause.ORDER_NOT_IN_SOURCE, "what is known since explains what was read"
        if case.low_read is None:
            cause = Cause.LATE_PROCESSING
    found = _Found(reading, expected, 0, Severity.NOTE, known, case)
    return Verdict(Standing.WITHIN, why, None, found.record(action, cause, why))


def _unfinished(reading: Observation, known: Judged) -> str | None:
    """Why our newest write proves nothing yet: a range that it is open in may still hold what it is to mend, and one
    that was refused leaves the number that was read last as the range."""
    exposure = known.evidence.exposure
    last = exposure.last
    assert last is not None  # else nothing was written
    if last.result is Result.OPEN or any(one.number == last.number for one in exposure.open):
        return "correction-settling"
    if last.result is Result.REJECTED and reading.quantity != last.quantity:
        return "correction-refused"
    return "write-due" if last.result in _REPEATED else None


def _over_shown_node(reading: Observation, known: Judged) -> int | None:
    """How far one node shows more than was written there, though the sum is right; sales lower nodes, never raise."""
    exposure = known.evidence.exposure
    last, confirmed = exposure.last, exposure.confirmed
    if last is None or exposure.open or not last.nodes or last.result not in (Result.APPLIED, Result.ACCEPTED):
        return None
    if confirmed is None or confirmed.version < last.version:
        return None
    written: Mapping[str, int] = {str(node): units for node, units in last.nodes.items()}
    most = max((units - written[node] for node, units in reading.nodes.items() if node in written), default=0)
    return most if most > 0 and known.policy.severity(most, last.quantity) is not None else None


@dataclass(frozen=True, slots=True)
class _Found:
    """A reading that is outside the range by more than the threshold."""

    reading: Observation
    expected: ExpectedRange
    delta: int
    severity: Severity
    known: Judged
    case: Case

    def over_shown(self) -> Verdict:
        """Corrected at once: each hour of it may sell what is not there."""
        return self._corrected(replace(self.case, low_read=None, low_read_at_ms=0))

    def under_shown(self) -> Verdict:
        """Corrected only when it was read before, unchanged, longer ago than the source takes to report an order."""
        case, reading = self.case, self.reading
        if case.stopped:
            return Verdict(Standing.DISCREPANT, "stopped", case)
        # A read from before our newest write says nothing of what the channel sold since that write.
        if case.low_read != reading.quantity or case.low_read_at_ms < self.expected.since_ms:
            case = replace(case, low_read=reading.quantity, low_read_at_ms=reading.observed_at_ms)
            return self._told(Action.WAIT, case, self.severity)
        if reading.as_of_ms - case.low_read_at_ms < self.known.policy.order_delay_s * 1_000:
            return Verdict(Standing.DISCREPANT, "waits-for-the-order-delay", case)
        stable = replace(self.known, evidence=replace(self.known.evidence, stable=True))
        return replace(self, known=stable)._corrected(case)

    def _corrected(self, case: Case) -> Verdict:
        if case.stopped:
            return Verdict(Standing.DISCREPANT, "stopped", case)
        version, last = self.known.version, self.known.evidence.exposure.last
        if last is None or version > last.version or last.result in _REPEATED:
            if case.noted_version == version:
                return Verdict(Standing.DISCREPANT, "write-due", case)
            return self._told(Action.WRITE_DUE, replace(case, noted_version=version), self.severity)
        repeated = case.corrected_version == version  # the engine did not answer: the same is asked again
        count = case.corrections if repeated else case.corrections + 1
        if count > self.known.policy.corrections_max:
            return self._told(Action.STOP, replace(case, stopped=True), Severity.PAGE)
        case = replace(
            case,
            low_read=None,
            low_read_at_ms=0,
            corrections=count,
            corrected_version=version,
            corrected_at_ms=self.known.now_ms,
        )
        action = Action.RESTATE if count <= 1 else Action.ESCALATE
        verdict = self._told(action, case, self.severity if count <= 1 else Severity.PAGE)
        return replace(verdict, restate=version)

    def _told(self, action: Action, case: Case, severity: Severity) -> Verdict:
        quantity = self.reading.quantity
        assert quantity is not None
        if action is Action.STOP:
            cause, why = Cause.ANOTHER_WRITER, _another_writer(self.reading, case, self.known)
        else:
            cause, why = classify(quantity, self.expected, self.reading.as_of_ms, self.known.evidence)
        found = replace(self, case=case, severity=severity)
        return Verdict(Standing.DISCREPANT, action.value, case, found.record(action, cause, why))

    def record(self, action: Action, cause: Cause, why: str) -> Discrepancy:
        """The discrepancy as it is written down."""
        reading, expected = self.reading, self.expected
        assert reading.quantity is not None
        high = expected.high if expected.high is not None else max(expected.low, reading.quantity)
        return Discrepancy(
            listing_id=reading.listing_id,
            sku=reading.sku,
            channel=reading.channel,
            expected_low=expected.low,
            expected_high=high,
            observed=reading.quantity,
            delta=self.delta,
            cause=cause.value,
            action=action.value,
            observed_at_ms=reading.observed_at_ms,
            severity=self.severity.value,
            evidence=f"{why}; {reading.evidence}" if reading.evidence else why,
            judged_version=self.known.version,
            corrections=self.case.corrections,
            since_ms=self.case.since_ms,
            observed_by=reading.observed_by.value,
        )


def _another_writer(reading: Observation, case: Case, known: Judged) -> str:
    """Who it is, as far as a marketplace lets it be known: where it writes, what, and how soon after us."""
    last, signal = known.evidence.exposure.last, known.evidence.signal
    hours = (reading.observed_at_ms - case.since_ms) / 3_600_000
    said = f"another writer on {reading.channel} sets {reading.quantity}"
    if last is not None:
        said += f" after our {last.quantity}"
    said += f": {case.corrections} corrections in {hours:.1f} h did not hold"
    if signal is not None and last is not None and signal.at_ms > last.at_ms:
        minutes = (signal.at_ms - last.at_ms) / 60_000
        said += f"; it wrote {minutes:.0f} min after our last write ({signal.evidence})"
    return said
