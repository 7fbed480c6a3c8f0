"""Reads of many, pulls of all and feeds, against the stand-in marketplaces."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

import pytest

from inventory_domain.bulk import (
    CallFailed,
    FeedOutcomes,
    FeedPart,
    FeedRunning,
    FeedSubmitted,
    Found,
    PullsListings,
    ReadsGroups,
    TakesFeeds,
    numbered,
)
from inventory_domain.errors import InvariantBroken
from inventory_domain.identifiers import ChannelId
from inventory_domain.outcomes import Accepted, Applied, PushOutcome, Rejected, Transient
from inventory_domain.ports import NotListed, Push, Shown
from inventory_sandbox.marketplaces import FaultMode
from tests.support.adapters_sandbox import Stage, a_stage

ALL = ("amazon", "ebay", "walmart", "shopify")
US = {marketplace: ChannelId(f"{marketplace}-us") for marketplace in ALL}


@pytest.fixture(params=ALL)
async def stage(request: pytest.FixtureRequest) -> AsyncIterator[Stage]:
    stage = a_stage(request.param)
    yield stage
    await stage.adapter.aclose()


@pytest.fixture
async def amazon() -> AsyncIterator[Stage]:
    stage = a_stage("amazon")
    yield stage
    await stage.adapter.aclose()


async def pulled(stage: Stage) -> list[Found]:
    """Everything, page by page, with a bound on the pages."""
    adapter = stage.adapter
    assert isinstance(adapter, PullsListings)
    traits = adapter.pull_traits
    limit = next(each for each in stage.adapter.traits.limits if each.operation == traits.operation)
    found: list[Found] = []
    cursor: str | None = None
    for _ in range(100):
        page = await adapter.pull(US[stage.marketplace], cursor)
        assert not isinstance(page, CallFailed), page
        found += page.found
        cursor = page.next_cursor
        if cursor is None:
            return found
        stage.clock.move(traits.cost / limit.rate_per_s)
    raise AssertionError("a pull without end")


def same_listing(found: Found, stage: Stage, index: int) -> bool:
    ids = stage.a_ref(index).marketplace_ids
    return all(ids.get(key, value) == value for key, value in found.marketplace_ids.items())


async def test_a_pull_finds_every_listing_once_with_what_it_shows(stage: Stage) -> None:
    for index in (0, 3):
        outcomes = await stage.push(stage.a_push(index, quantity=6 + index))
        assert isinstance(outcomes[0], Accepted | Applied)
    stage.settle()

    found = await pulled(stage)

    mine = [index for index in range(4) if stage.marketplace != "amazon" or index != 3]  # 3 is in another country
    assert len(found) == len(mine)
    for index in mine:
        (one,) = [each for each in found if same_listing(each, stage, index)]
        assert one.quantity == stage.live(index), (index, one)


async def test_a_pull_of_several_pages_reaches_its_end(stage: Stage) -> None:
    """The stand-in has few listings; here it has enough for more than one page of any of them."""
    seeds = [
        replace(
            stage.seeds[0],
            sku=f"M{number:04d}",
            asin=f"B1{number:08d}" if stage.marketplace == "amazon" else "",
            offer_id=f"37{number:09d}" if stage.marketplace == "ebay" else "",
            listing_id=f"120{number:09d}" if stage.marketplace == "ebay" else "",
            inventory_item_id=f"gid://shopify/InventoryItem/{60_000_000_000 + number}"
            if stage.marketplace == "shopify"
            else "",
            quantity=number,
        )
        for number in range(230)
    ]
    many = a_stage(stage.marketplace, {"listings": tuple(seeds)})

    found = await pulled(many)
    await many.adapter.aclose()

    assert sorted(each.quantity for each in found if each.quantity is not None) == list(range(230))


async def test_a_pull_that_fails_says_why(stage: Stage) -> None:
    adapter = stage.adapter
    assert isinstance(adapter, PullsListings)
    await stage.read()
    for mode, kind in (
        (FaultMode.THROTTLE, "throttled"),
        (FaultMode.SERVICE_UNAVAILABLE, "outage"),
        (FaultMode.RESET, "transient"),
        (FaultMode.HTML, "transient"),
    ):
        stage.fail(mode)

        page = await adapter.pull(US[stage.marketplace], None)

        assert isinstance(page, CallFailed) and page.kind == kind, (mode, page)
        assert not page.effect_unknown


async def test_a_read_of_many_answers_for_each(amazon: Stage) -> None:
    adapter = amazon.adapter
    assert isinstance(adapter, ReadsGroups)
    await amazon.push(amazon.a_push(1, quantity=9))
    amazon.settle()
    unknown = replace(amazon.a_ref(0), listing_id="amazon-us/x", marketplace_ids={"seller_sku": "nobody"})
    comma = replace(amazon.a_ref(0), listing_id="amazon-us/y", marketplace_ids={"seller_sku": "a,b"})
    no_id = replace(amazon.a_ref(0), listing_id="amazon-us/z", marketplace_ids={})

    answers = await adapter.read_group([unknown, amazon.a_ref(1), comma, amazon.a_ref(2), no_id])

    assert [type(each) for each in answers] == [NotListed, Shown, Rejected, Shown, Rejected]
    assert [each.quantity for each in answers if isinstance(each, Shown)] == [9, amazon.live(2)]


async def test_a_read_of_many_is_of_one_channel_and_bounded(amazon: Stage) -> None:
    adapter = amazon.adapter
    assert isinstance(adapter, ReadsGroups)

    with pytest.raises(InvariantBroken):
        await adapter.read_group([amazon.a_ref(0), amazon.a_ref(3)])
    with pytest.raises(InvariantBroken):
        await adapter.read_group([amazon.a_ref(0)] * 21)


async def fed(stage: Stage, pushes: Sequence[Push]) -> tuple[FeedSubmitted, FeedOutcomes]:
    """A feed from beginning to end."""
    adapter = stage.adapter
    assert isinstance(adapter, TakesFeeds)
    submitted = await adapter.submit_feed(numbered(pushes))
    assert isinstance(submitted, FeedSubmitted), submitted
    for _ in range(1_000):
        answer = await adapter.poll_feed(FeedPart(submitted.feed_id, len(pushes), numbered(pushes)), None)
        assert not isinstance(answer, CallFailed), answer
        if isinstance(answer, FeedOutcomes):
            return submitted, answer
        assert isinstance(answer, FeedRunning)
        stage.clock.move(answer.ask_after_s)
    raise AssertionError("a feed without end")


def by_listing(done: FeedOutcomes) -> dict[str, PushOutcome]:
    return {outcome.listing_id: outcome for outcome in done.outcomes}


async def test_a_feed_sets_what_single_calls_would(amazon: Stage) -> None:
    pushes = [amazon.a_push(index, quantity=20 + index) for index in range(3)]

    _, done = await fed(amazon, pushes)
    amazon.settle()

    assert {type(each) for each in done.outcomes} == {Accepted}
    assert [each.listing_id for each in pushes] == list(by_listing(done))
    assert [amazon.live(index) for index in range(3)] == [20, 21, 22]
    assert amazon.violations() == 0


async def test_a_message_that_a_feed_refuses_is_the_listings_own(amazon: Stage) -> None:
    amazon.fail(FaultMode.PARTIAL_FAILURE)
    pushes = [amazon.a_push(index) for index in range(3)]

    _, done = await fed(amazon, pushes)

    assert [type(each) for each in done.outcomes] == [Accepted, Rejected, Accepted]


async def test_a_push_that_must_not_be_sent_is_in_no_feed(amazon: Stage) -> None:
    fba = amazon.a_push(1, marketplace_ids={**amazon.a_push(1).marketplace_ids, "fulfillment": "marketplace"})
    pushes = [amazon.a_push(0), fba, amazon.a_push(2)]

    _, done = await fed(amazon, pushes)

    outcomes = by_listing(done)
    assert isinstance(outcomes[fba.listing_id], Rejected) and outcomes[fba.listing_id].reason == "never-written"
    assert isinstance(outcomes[pushes[2].listing_id], Accepted)
    uploads = [request for request in amazon.transport.requests if request.method == "PUT"]
    assert len(uploads) == 1 and b"S1" not in uploads[0].content


async def test_a_feed_that_was_aborted_may_have_been_applied(amazon: Stage) -> None:
    amazon.fail(FaultMode("feed_fatal"))
    pushes = [amazon.a_push(index) for index in range(3)]

    _, done = await fed(amazon, pushes)

    assert {(type(each), each.reason, each.effect_unknown) for each in done.outcomes} == {
        (Transient, "feed-fatal", True)
    }


async def test_no_token_goes_to_where_a_document_is_uploaded(amazon: Stage) -> None:
    await fed(amazon, [amazon.a_push(0)])

    documents = [request for request in amazon.transport.requests if request.url.path.startswith("/documents")]
    assert len(documents) == 2
    assert not [request for request in documents if "x-amz-access-token" in request.headers]


async def test_a_feed_of_two_channels_is_a_bug_of_the_caller(amazon: Stage) -> None:
    adapter = amazon.adapter
    assert isinstance(adapter, TakesFeeds)

    with pytest.raises(InvariantBroken):
        await adapter.submit_feed(numbered([amazon.a_push(0), amazon.a_push(3)]))
    with pytest.raises(InvariantBroken):
        await adapter.submit_feed(numbered([]))
