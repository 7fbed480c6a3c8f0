"""What the contracts say that a stand-in must reproduce, each with the tests that hold it to that.

The numbers are those of the list in section 6 of the specifications' README.
"""

import ast
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import pytest

from tests.support import published

TESTS = Path(__file__).resolve().parents[2]
AMAZON, AMAZON_FEEDS = "unit/sandbox/test_amazon.py", "unit/sandbox/test_amazon_feeds.py"
EBAY, FAULTS = "unit/sandbox/test_ebay.py", "unit/sandbox/test_faults.py"
WALMART, WALMART_FEEDS = "unit/sandbox/test_walmart.py", "unit/sandbox/test_walmart_feeds.py"
SHOPIFY, SHOPIFY_REST = "unit/sandbox/test_shopify.py", "unit/sandbox/test_shopify_bulk.py"
THROTTLES, LIMITS = "unit/sandbox/test_throttles_and_tolerance.py", "contract/sandbox_schemas/test_published.py"
CLIENTS, SERVED = "contract/sandbox_schemas/test_as_clients_send.py", "integration/sandbox_server/test_serve.py"
ADAPTERS = "contract/adapters_sandbox/test_adapters_contract.py"

Duty = Mapping[str, tuple[tuple[str, str], ...]]
DUTIES: Mapping[int, Duty] = {
    1: {
        "Amazon's expired token is 403": ((AMAZON, "test_an_expired_token_is_403_and_a_new_one_works"),),
        "eBay's is 401, error 1001": ((EBAY, "test_a_bad_token_is_401_and_a_token_without_the_scope_403"),),
        "Walmart's is 401 after 15 minutes": ((WALMART, "test_a_token_lives_fifteen_minutes"),),
        "Shopify's is 401": (
            (SHOPIFY, "test_a_wrong_token_is_401"),
            (CLIENTS, "test_a_shop_gives_a_token_for_client_credentials_that_opens_graphql_and_rest_for_a_day"),
        ),
        "a wrong token is used once after a refresh": (
            (FAULTS, "test_revoked_tokens_are_refused_until_a_new_one_is_had"),
            (ADAPTERS, "test_a_refused_token_is_replaced_once_and_the_call_repeated_once"),
        ),
    },
    2: {
        "Amazon, with what was submitted beside what is live": (
            (AMAZON, "test_an_accepted_quantity_is_live_only_after_the_queue"),
        ),
        "eBay": ((EBAY, "test_a_quantity_is_live_after_one_to_three_minutes"),),
        "Walmart": ((WALMART, "test_a_quantity_is_echoed_and_live_after_three_to_ten_minutes"),),
        "Shopify, whose ledger changes at once": (
            (SHOPIFY, "test_the_ledger_has_a_write_at_once_and_buyers_see_it_seconds_later"),
        ),
        "submitted and live values apart at each": (
            ("unit/sandbox/test_control.py", "test_history_tells_when_each_write_came_and_how_long_it_was_live"),
        ),
    },
    3: {
        "Amazon's numbers": ((LIMITS, "test_the_limits_of_amazon_are_the_published_ones"),),
        "Amazon's answer, without the limit header": (
            (THROTTLES, "test_amazon_refuses_what_is_too_much_without_a_hint_of_when"),
            (AMAZON, "test_the_sixth_patch_at_once_is_throttled_without_a_hint"),
        ),
        "eBay's number": (
            (LIMITS, "test_the_limit_of_ebays_inventory_api_is_the_published_one"),
            (EBAY, "test_the_daily_limit_ends_at_midnight_pacific"),
        ),
        "eBay's answer": ((THROTTLES, "test_ebay_refuses_what_is_too_much_by_its_error_2001"),),
        "Walmart's numbers": (
            (LIMITS, "test_the_limits_of_walmart_are_the_published_ones"),
            (LIMITS, "test_walmarts_items_are_read_as_often_as_published"),
            (LIMITS, "test_the_limits_of_walmarts_feeds_are_the_published_ones"),
        ),
        "Walmart's answer and headers": (
            (THROTTLES, "test_walmart_refuses_what_is_too_much_and_says_when_the_bucket_is_full_again"),
            (WALMART, "test_calls_left_are_told_and_the_201st_in_a_minute_is_throttled"),
            (WALMART_FEEDS, "test_the_eleventh_feed_in_an_hour_is_throttled_and_says_when_to_come_back"),
        ),
        "Shopify's numbers": ((LIMITS, "test_the_limits_of_shopify_are_the_published_ones"),),
        "Shopify's answers by both APIs": (
            (SHOPIFY, "test_an_empty_bucket_throttles_inside_a_200_and_refills_at_its_rate"),
            (THROTTLES, "test_shopifys_older_api_refuses_what_is_too_much_with_its_bucket_full"),
        ),
    },
    4: {
        "Amazon's INVALID in a 200": ((AMAZON, "test_what_cannot_be_is_invalid_inside_a_200"),),
        "eBay's rows in a 207": ((EBAY, "test_one_bad_row_makes_the_answer_207_and_leaves_the_others"),),
        "eBay's row of 500 in a 200": ((FAULTS, "test_odd_shapes_are_those_that_have_been_seen"),),
        "Walmart's nodes": ((WALMART, "test_each_node_is_judged_by_itself"),),
        "Shopify's userErrors": (
            (SHOPIFY, "test_one_bad_row_refuses_them_all"),
            (SHOPIFY, "test_partial_failure_is_a_user_error"),
        ),
    },
    5: {
        "Amazon's two-step upload, for five minutes": (
            (AMAZON_FEEDS, "test_an_upload_url_lives_five_minutes_and_wants_its_content_type"),
        ),
        "Amazon's statuses in order": (
            (AMAZON_FEEDS, "test_a_feed_goes_through_its_states_and_its_quantities_are_live_later"),
        ),
        "Amazon's result as GZIP": ((AMAZON_FEEDS, "test_the_report_tells_each_message_that_was_refused"),),
        "Walmart's multipart": ((WALMART_FEEDS, "test_an_upload_without_its_file_is_refused"),),
        "Walmart's @ in the id, and its statuses in order": (
            (WALMART_FEEDS, "test_a_feed_goes_through_its_states_and_is_live_later"),
        ),
    },
    6: {
        "a cursor used twice": ((WALMART, "test_a_cursor_works_once_and_in_turn"),),
        "a cursor used at once": (
            (THROTTLES, "test_a_cursor_that_two_calls_use_at_once_is_good_for_one"),
            (WALMART, "test_a_second_reader_ends_the_first_ones_cursor"),
        ),
        "eBay's offset": ((EBAY, "test_the_offset_of_items_is_a_page_number"),),
        "Amazon's end at 1,000": ((AMAZON, "test_search_ends_at_a_thousand_skus_and_finds_more_by_identifiers"),),
    },
    7: {
        "250 revisions": (
            (EBAY, "test_a_listing_takes_250_revisions_a_day_over_all_its_variations"),
            (THROTTLES, "test_a_listing_that_was_revised_250_times_is_free_again_on_the_next_day"),
        ),
        "25025": ((EBAY, "test_two_calls_at_once_for_one_sku_meet_25025"),),
        "out-of-stock control": ((EBAY, "test_zero_ends_a_listing_only_without_out_of_stock_control"),),
    },
    8: {
        "2025-10": ((SHOPIFY, "test_the_oldest_version_compares_by_its_own_fields_and_has_no_directive"),),
        "2026-01": (
            (THROTTLES, "test_the_version_between_takes_the_old_compare_fields_and_the_new_one_and_a_key_or_none"),
        ),
        "2026-04 and later": (
            (SHOPIFY, "test_later_versions_want_a_key_and_what_the_row_changes_from"),
            (SHOPIFY, "test_later_versions_do_not_know_the_old_compare_fields"),
            (SHOPIFY, "test_stocking_at_another_location_wants_a_key_and_sets_no_quantity_that_cannot_be"),
        ),
        "idempotency store": (
            (SHOPIFY, "test_the_same_key_gives_the_first_result_and_writes_once"),
            (SHOPIFY, "test_a_failed_key_cannot_be_used_again"),
            (SHOPIFY, "test_the_same_key_at_once_is_a_concurrent_request"),
        ),
        "compare and swap": ((SHOPIFY, "test_compare_and_set_refuses_a_stale_quantity"),),
    },
    9: {
        "503": ((FAULTS, "test_an_outage_answers_in_the_marketplaces_own_form"),),
        "connection reset": (
            (FAULTS, "test_a_reset_does_nothing"),
            (SERVED, "test_a_dropped_connection_is_one_on_the_wire"),
        ),
        "timeout after the write was applied": ((FAULTS, "test_a_timeout_after_the_effect_leaves_the_effect"),),
        "HTML": ((FAULTS, "test_an_html_page_comes_in_place_of_json"),),
    },
    10: {
        "JSON or form": ((THROTTLES, "test_a_token_is_given_for_a_form_and_for_json"),),
        "any Host, names of headers in any case": (
            (SERVED, "test_header_names_are_taken_in_any_case_and_any_host_is"),
        ),
        "encoded slashes": (
            (THROTTLES, "test_a_sku_with_an_encoded_slash_is_one_step_of_a_path"),
            (ADAPTERS, "test_a_sku_of_any_characters_is_addressed"),
        ),
    },
}


@cache
def functions(name: str) -> frozenset[str]:
    """The tests in a file of the folder of tests; a file that is gone fails here."""
    tree = ast.parse((TESTS / name).read_text("utf-8"))
    return frozenset(one.name for one in tree.body if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef))


@pytest.mark.skipif(not published.available(), reason=published.WHY_SKIPPED)
def test_every_item_of_the_list_is_here() -> None:
    section = (published.SPECS / "README.md").read_text("utf-8").partition("\n## 6. ")[2].partition("\n## ")[0]

    assert [int(one) for one in re.findall(r"^(\d+)\. ", section, flags=re.MULTILINE)] == list(DUTIES)


def test_every_test_that_is_named_is_there() -> None:
    named = [(number, what, *test) for number, duty in DUTIES.items() for what, tests in duty.items() for test in tests]

    assert [one for one in named if one[3] not in functions(one[2])] == []
    assert all(tests for duty in DUTIES.values() for tests in duty.values())
