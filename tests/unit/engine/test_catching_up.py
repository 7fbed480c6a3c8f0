"""How far a partition is, and how far its word reaches."""

from __future__ import annotations

from inventory_streams.engine.catching_up import CatchUp, FetchState, applied_until_ms, complete_until_ms


def test_a_partition_is_caught_up_when_every_input_is_at_its_end() -> None:
    catch_up = CatchUp({"changes": 10, "products": 5, "commands": 0}, {"changes": 7, "products": 5})

    assert not catch_up.done
    catch_up.reached("changes", 9)
    assert not catch_up.done
    catch_up.reached("changes", 10)
    assert catch_up.done


def test_an_input_beyond_its_end_counts_as_read() -> None:
    """Records come while it catches up, so the end is passed and not met."""
    catch_up = CatchUp({"changes": 10}, {})

    catch_up.reached("changes", 25)

    assert catch_up.done


def test_the_batch_that_reaches_the_end_is_computed_as_caught_up() -> None:
    catch_up = CatchUp({"changes": 10, "products": 5}, {"products": 5})

    assert catch_up.done_at("changes", 10)
    assert not catch_up.done_at("changes", 9)
    assert not catch_up.done_at("products", 6)


def test_with_two_inputs_behind_no_single_batch_catches_up() -> None:
    catch_up = CatchUp({"changes": 10, "products": 5}, {})

    assert not catch_up.done_at("changes", 10)


def test_read_to_the_end_it_is_complete_as_of_the_answer_that_told_the_end() -> None:
    """Not as of now: a broker that no longer answers would make an old word look new."""
    positions = {"changes": 10, "products": 5}
    fetched = {"changes": FetchState(10, 2_000), "products": FetchState(5, 1_900)}

    assert complete_until_ms(positions, fetched, {}) == 1_900


def test_behind_it_is_complete_up_to_the_newest_record_applied() -> None:
    fetched = {"changes": FetchState(20, 2_000)}

    assert complete_until_ms({"changes": 10}, fetched, {"changes": 500}) == 500


def test_nothing_is_said_of_an_input_of_which_nothing_is_known() -> None:
    fetched = {"changes": FetchState(10, 2_000)}

    assert complete_until_ms({"changes": 10, "products": 0}, fetched, {}) is None
    assert complete_until_ms({"changes": 3}, fetched, {}) is None


def test_the_word_does_not_go_back_when_a_record_comes_to_a_quiet_input() -> None:
    """The catalog's last record was applied long ago, and all of it was known to be applied a moment ago.

    A word as old as that record would make delivery take the engine for dead, and show zeros.
    """
    positions = {"changes": 10, "catalog": 5}
    quiet = {"changes": FetchState(10, 100_000), "catalog": FetchState(5, 100_000)}
    known = applied_until_ms(positions, quiet, {"catalog": 1_000})
    come = {"changes": FetchState(10, 100_500), "catalog": FetchState(6, 100_500)}

    assert complete_until_ms(positions, come, known) == 100_000
    assert applied_until_ms(positions, come, known) == {"changes": 100_500, "catalog": 100_000}
