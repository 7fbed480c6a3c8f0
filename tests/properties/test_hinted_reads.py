"""What a read of delivery finds is told once and corrected once, however late it is judged."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from hypothesis import given
from hypothesis import strategies as st

from inventory_domain.corrections import CorrectionPolicy, Verdict
from inventory_domain.expected import ReadTraits
from inventory_domain.exposure import Exposure, Result, begin, conclude, observe, settle
from inventory_domain.outcomes import Accepted, Applied
from inventory_domain.reconciliation import Action, Cause, Observation, ObservedBy
from inventory_schemas.registry import LocalRegistry
from inventory_streams.kafka.settings import KafkaSettings
from inventory_streams.reconcile.codecs import codecs_of
from inventory_streams.reconcile.knowledge import Knowledge
from inventory_streams.reconcile.settings import ReconcileSettings
from inventory_streams.topics import Topics
from tests.support.pulls import MARKETPLACE
from tests.support.reconciling import CHANNEL, LISTING, SETTLING, SKU, a_reading, at

SETTLING_MIN = SETTLING // 60_000
SETTINGS = ReconcileSettings(
    "app", KafkaSettings("nowhere:1"), Topics((MARKETPLACE,)), 4, policy=CorrectionPolicy(units=0, percent=0)
)
CODECS = codecs_of(SETTINGS.topics, MARKETPLACE, LocalRegistry())
OURS = 10


@dataclass
class Story:
    """One listing that shows `OURS`: what delivery wrote of it in turn, and what came of each reading."""

    proves: bool
    knowledge: Knowledge = field(init=False)
    exposure: Exposure = field(default_factory=lambda: Exposure(LISTING, SKU))
    version: int = 0
    told: list[tuple[str, str, int]] = field(default_factory=list)
    restated: int = 0

    def __post_init__(self) -> None:
        self.knowledge = Knowledge(SETTINGS, CODECS, {CHANNEL: ReadTraits(True, SETTLING)})

    def wants(self, version: int) -> None:
        """The engine's newest target."""
        self.version = version
        self.knowledge._of(LISTING, SKU, CHANNEL).version = version

    def begins(self, minute: float) -> Exposure:
        self.exposure, _ = begin(
            self.exposure,
            version=self.version,
            quantity=OURS,
            nodes={},
            mask=None,
            path="single",
            now_ms=at(minute),
            settles_by_ms=at(minute) + SETTLING,
        )
        return self.exposure

    def answered(self, minute: float) -> Exposure:
        assert self.exposure.last is not None
        answer = Applied if self.proves else Accepted
        outcome = answer(listing_id=LISTING, api="write", reason="ok")
        self.exposure = conclude(self.exposure, self.exposure.last.number, outcome, at(minute), at(minute) + SETTLING)
        return self.exposure

    def read(self, quantity: int, minute: float) -> tuple[Exposure, Observation]:
        """What delivery writes at once of a read."""
        self.exposure = observe(self.exposure, quantity, at(minute))
        return self.exposure, replace(a_reading(quantity, minute), observed_by=ObservedBy.READ)

    def settled(self, minute: float) -> Exposure:
        self.exposure = settle(self.exposure, at(minute))
        return self.exposure

    def hear(self, exposure: Exposure) -> None:
        """It comes to reconciliation."""
        self.knowledge.exposure(LISTING.encode(), CODECS.exposure.encode(exposure), exposure)

    def judge(self, reading: Observation, minute: float) -> Verdict:
        assert not self.knowledge.is_ahead(reading)
        verdict = self.knowledge.judge(reading, at(minute))
        assert verdict is not None
        if verdict.record is not None:
            self.told.append((verdict.record.action, verdict.record.cause, verdict.record.observed))
        self.restated += verdict.restate is not None
        return verdict


def a_story(*, proves: bool) -> Story:
    """The first number is written at minute 0, and is live at minute 1 or, where answers prove nothing, 15."""
    story = Story(proves)
    story.wants(1)
    for exposure in (story.begins(0), story.answered(0), story.settled(SETTLING_MIN)):
        story.hear(exposure)
    if not proves:
        story.hear(story.read(OURS, SETTLING_MIN)[0])
    return story


@given(
    proves=st.booleans(),
    edited=st.integers(OURS + 1, 60),
    after=st.integers(1, 600),
    late=st.integers(0, 3),
    looks=st.lists(st.integers(0, 3), max_size=3),
)
def test_a_number_above_ours_is_told_once_and_verified_once(
    proves: bool, edited: int, after: int, late: int, looks: list[int]
) -> None:
    """Delivery sends again at once; the reading is judged when so many of its records more are known. Pulls look, too.

    A read soon after our write says as much as a late one where the answer has proven the write.
    """
    story = a_story(proves=proves)
    minute = after if proves else SETTLING_MIN + after
    left, reading = story.read(edited, minute)
    assert left.last is not None and left.last.result is Result.OVER_SHOWN
    again = [left, story.begins(minute + 0.1), story.answered(minute + 0.2)]
    live = minute + 0.2 if proves else minute + 1 + SETTLING_MIN
    seen, proof = story.read(OURS, minute + 2 + SETTLING_MIN)
    for number, exposure in enumerate((*again, seen)):
        story.hear(exposure)
        if number == late:
            story.judge(reading, minute + number / 10)
        for _ in range(looks.count(number)):
            then = minute + 0.01 + number / 10 if number < 3 else minute + 3 + SETTLING_MIN
            shows = edited if then < live else OURS
            story.judge(a_reading(shows, then), then)
    story.judge(proof, minute + 3 + SETTLING_MIN)

    told = (Action.WRITE_DUE.value, Cause.MANUAL_CHANGE.value, edited)
    assert story.told == [told, (Action.VERIFIED.value, Cause.UNKNOWN.value, OURS)], story.told
    assert story.restated == 0, "delivery sends it again by itself"


@given(
    proves=st.booleans(),
    edited=st.integers(0, OURS - 1),
    after=st.integers(1, 600),
    looks=st.lists(st.integers(0, 1), max_size=3),
)
def test_a_number_below_ours_is_told_corrected_and_verified_once(
    proves: bool, edited: int, after: int, looks: list[int]
) -> None:
    """The second read, past the order delay, corrects it; while that settles both numbers are within the range."""
    story = a_story(proves=proves)
    minute = SETTLING_MIN + after
    for read_min in (minute, minute + 61):
        left, reading = story.read(edited, read_min)
        story.hear(left)
        story.judge(reading, read_min)
    assert story.restated == 1
    story.wants(2)
    minute += 62
    live = minute + 0.2 if proves else minute + SETTLING_MIN - 1
    for number, exposure in enumerate((story.begins(minute), story.answered(minute + 0.1))):
        story.hear(exposure)
        for _ in range(looks.count(number)):
            then = minute + 0.05 + number
            story.judge(a_reading(OURS if then >= live else edited, then), then)
    minute += SETTLING_MIN + 1
    story.hear(story.settled(minute))
    seen, proof = story.read(OURS, minute + 1)
    story.hear(seen)
    story.judge(proof, minute + 1)

    actions = [(action, observed) for action, _, observed in story.told]
    assert actions == [(Action.WAIT.value, edited), (Action.RESTATE.value, edited), (Action.VERIFIED.value, OURS)]
    assert story.told[1][1] == Cause.MANUAL_CHANGE.value and story.restated == 1
