"""What a pull has found, and whose it is."""

from __future__ import annotations

from dataclasses import replace

from inventory_domain.catalog import ProductStatus
from inventory_domain.identifiers import ChannelId, Sku
from inventory_schemas.codec import Serde
from inventory_schemas.records import PRODUCT
from inventory_schemas.registry import LocalRegistry
from inventory_streams.catalog_copy import CatalogCopy
from inventory_streams.reconcile.collected import GHOSTS_MAX, Asked, Collected
from tests.support.pulls import CHANNEL, a_catalog, a_product, found

ASKED = Asked(1_000, 2_000, "r-1")


def test_each_listing_that_is_found_has_its_number_and_its_times() -> None:
    collected = Collected(a_catalog(("A", {"sku": "A", "offer": "1"})), CHANNEL)

    collected.add(found("A", 7), ASKED)

    (one,) = collected.observations()
    assert (one.listing_id, one.quantity, one.as_of_ms, one.observed_at_ms, one.evidence) == (
        "market-us/A",
        7,
        1_000,
        2_000,
        "r-1",
    )


def test_what_has_no_number_or_is_not_named_is_not_zero() -> None:
    collected = Collected(a_catalog(("A", {"sku": "A"}), ("B", {"sku": "B"})), CHANNEL)

    collected.add(found("A", None), ASKED)

    assert list(collected.observations()) == [] and collected.without_number == 1 and collected.found == 1


def test_the_number_of_a_listing_is_that_of_its_own_nodes() -> None:
    collected = Collected(a_catalog(("A", {"sku": "A"}), nodes=["n1", "n2"]), CHANNEL)

    collected.add(found("A", 99, n1=2, n2=3, somebody_elses=94), ASKED)

    (one,) = collected.observations()
    assert one.quantity == 5 and dict(one.nodes) == {"n1": 2, "n2": 3}


def test_a_node_that_is_not_told_leaves_the_listing_without_a_number() -> None:
    collected = Collected(a_catalog(("A", {"sku": "A"}), nodes=["n1", "n2"]), CHANNEL)

    collected.add(found("A", 2, n1=2), ASKED)

    assert list(collected.observations()) == []


def test_what_could_be_two_listings_is_nobodys_number() -> None:
    collected = Collected(a_catalog(("A", {"sku": "X"}), ("B", {"sku": "X"})), CHANNEL)

    collected.add(found("X", 5), ASKED)

    assert list(collected.observations()) == [] and collected.ambiguous == 1 and collected.ghosts == []


def test_a_listing_that_nobody_has_is_a_ghost_if_it_shows_anything() -> None:
    collected = Collected(a_catalog(("A", {"sku": "A"})), CHANNEL)

    for sku, quantity in (("G", 3), ("empty", 0), ("silent", None)):
        collected.add(found(sku, quantity), ASKED)

    assert [(ghost.own_id, ghost.quantity) for ghost in collected.ghosts] == [("G", 3)]


def test_ghosts_are_counted_beyond_those_that_are_kept() -> None:
    collected = Collected(a_catalog(("A", {"sku": "A"})), CHANNEL)

    for number in range(GHOSTS_MAX + 5):
        collected.add(found(f"G{number}"), ASKED)

    assert (len(collected.ghosts), collected.ghost_count) == (GHOSTS_MAX, GHOSTS_MAX + 5)


class TestCatalogCopy:
    """The copy by which names of a marketplace become listings of ours."""

    def copy(self, *channels: ChannelId) -> tuple[CatalogCopy, Serde[object]]:
        serde = Serde(PRODUCT, "product-value", LocalRegistry())
        return CatalogCopy(serde, channels), serde  # type: ignore[return-value]

    def test_the_newest_record_replaces_the_former_whole(self) -> None:
        catalog, serde = self.copy()
        catalog.apply(b"A", serde.encode(a_product("A", {"sku": "old"})))
        catalog.apply(b"A", serde.encode(a_product("A", {"sku": "new"})))

        assert catalog.named(CHANNEL, {"sku": "old"}) == ()
        assert [one.sku for one in catalog.named(CHANNEL, {"sku": "new"})] == ["A"]
        assert catalog.listings_on(CHANNEL) == 1

    def test_a_removed_product_has_no_listings_any_more(self) -> None:
        catalog, serde = self.copy()
        catalog.apply(b"A", serde.encode(a_product("A")))
        catalog.apply(b"A", None)

        assert len(catalog) == 0 and catalog.named(CHANNEL, {"sku": "A"}) == () and catalog.listings_on(CHANNEL) == 0

    def test_a_listing_that_moves_to_another_sku_is_the_other_skus(self) -> None:
        catalog, serde = self.copy()
        moved = a_product("A")
        catalog.apply(b"A", serde.encode(moved))
        catalog.apply(b"B", serde.encode(replace(moved, sku=Sku("B"))))
        catalog.apply(b"A", None)

        assert [one.sku for one in catalog.named(CHANNEL, {"sku": "A"})] == ["B"]

    def test_a_listing_stays_with_the_sku_it_moved_to_when_what_it_has_left_is_read_later(self) -> None:
        """Two SKUs are on two partitions, which are read in any order at a start."""
        catalog, serde = self.copy()
        moved, left = a_product("A"), replace(a_product("A"), listings=())
        catalog.apply(b"B", serde.encode(replace(moved, sku=Sku("B"))))
        catalog.apply(b"A", serde.encode(moved))
        catalog.apply(b"A", serde.encode(left))

        assert [one.sku for one in catalog.named(CHANNEL, {"sku": "A"})] == ["B"]
        assert [one.sku for one in catalog.of_sku(Sku("B"))] == ["B"] and catalog.of_sku(Sku("A")) == ()
        assert (len(catalog), catalog.listings_on(CHANNEL)) == (1, 1)

        catalog.apply(b"B", None)

        assert (len(catalog), catalog.listings_on(CHANNEL), catalog._covered) == (0, 0, {})

    def test_names_that_the_catalog_does_not_have_are_passed_over(self) -> None:
        catalog, serde = self.copy()
        catalog.apply(b"A", serde.encode(a_product("A", {"item": "1"})))

        assert [one.sku for one in catalog.named(CHANNEL, {"item": "1", "sku": "whatever"})] == ["A"]
        assert catalog.named(CHANNEL, {"sku": "whatever"}) == ()

    def test_what_cannot_be_read_leaves_what_was_known(self) -> None:
        catalog, serde = self.copy()
        catalog.apply(b"A", serde.encode(a_product("A")))
        catalog.apply(b"A", b"garbage")

        assert len(catalog) == 1 and catalog.unreadable == 1

    def test_only_the_channels_asked_for_are_kept(self) -> None:
        catalog, serde = self.copy(ChannelId("other"))
        catalog.apply(b"A", serde.encode(a_product("A")))

        assert len(catalog) == 0

    def test_a_discontinued_product_is_not_sold(self) -> None:
        catalog, serde = self.copy()
        catalog.apply(b"A", serde.encode(replace(a_product("A"), status=ProductStatus.DISCONTINUED)))

        assert [one.sold for one in catalog.named(CHANNEL, {"sku": "A"})] == [False]


def test_what_is_another_channels_too_has_no_number_of_its_own_and_is_no_ghost() -> None:
    """Where a pull tells of a whole account, it tells the largest of what its channels show."""
    uk = ChannelId("market-uk")
    serde = Serde(PRODUCT, "product-value", LocalRegistry())
    catalog = CatalogCopy(serde)
    both = replace(a_product("B"), listings=(*a_product("B").listings, *a_product("B", channel=uk).listings))
    for product in (a_product("A"), both, a_product("C", channel=uk)):
        catalog.apply(product.sku.encode(), serde.encode(product))
    collected = Collected(catalog, CHANNEL, [uk])

    for sku in ("A", "B", "C", "D"):
        collected.add(found(sku, 7), ASKED)

    assert [one.sku for one in collected.observations()] == ["A"]
    assert f"{CHANNEL}/B" in collected and len(collected) == 2
    assert [ghost.own_id for ghost in collected.ghosts] == ["D"]
