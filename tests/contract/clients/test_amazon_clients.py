"""Amazon's sandbox, used by clients of the Selling Partner API that other people wrote."""

import pytest

from tests.support.clients import Served

US = "ATVPDKIKX0DER"


async def test_python_amazon_sp_api_writes_a_quantity_and_reads_it(sandbox: Served) -> None:
    found = await sandbox.run("python_amazon_sp_api", "write_and_read")

    assert found == {"status": "ACCEPTED", "rows": [{"fulfillmentChannelCode": "DEFAULT", "quantity": 7}]}
    assert await sandbox.live("amazon", f"{US}:SKU-00007") == 7


async def test_python_amazon_sp_api_reads_many(sandbox: Served) -> None:
    assert await sandbox.run("python_amazon_sp_api", "search") == ["SKU-00005", "SKU-00006"]


async def test_python_amazon_sp_api_hands_in_a_feed_and_reads_its_report(sandbox: Served) -> None:
    """By the client's own upload to the presigned address and its own unpacking of the report."""
    found = await sandbox.run("python_amazon_sp_api", "feed")

    assert found == {"accepted": 1, "refused": [2]}
    assert await sandbox.becomes("amazon", f"{US}:SKU-00002", 9) == 9


async def test_python_amazon_sp_api_downloads_a_report_of_all_listings(sandbox: Served) -> None:
    assert await sandbox.run("python_amazon_sp_api", "report") is True


async def test_python_amazon_sp_api_reads_the_stock_that_amazon_holds(sandbox: Served) -> None:
    assert await sandbox.run("python_amazon_sp_api", "held_by_amazon") == [["SKU-00003", 27]]


async def test_python_amazon_sp_api_subscribes_by_a_grantless_token(sandbox: Served) -> None:
    assert await sandbox.run("python_amazon_sp_api", "subscribe") is True


@pytest.mark.parametrize(
    ("mode", "exception"),
    [
        ("throttle", "SellingApiRequestThrottledException"),
        ("503", "SellingApiTemporarilyUnavailableException"),
        ("unauthorized", "SellingApiForbiddenException"),
    ],
)
async def test_python_amazon_sp_api_knows_the_refusals(mode: str, exception: str, sandbox: Served) -> None:
    await sandbox.fault("amazon", mode, match="/listings/", count=10)

    assert await sandbox.run("python_amazon_sp_api", "refusal") == exception


async def test_amzn_sp_api_writes_a_quantity_and_reads_it(sandbox: Served) -> None:
    found = await sandbox.run("amzn_sp_api", "write_and_read")

    assert found == {"status": "ACCEPTED", "shown": [["DEFAULT", 5]]}
    assert await sandbox.live("amazon", f"{US}:SKU-00006") == 5


async def test_amzn_sp_api_sees_an_expired_token_as_403(sandbox: Served) -> None:
    await sandbox.fault("amazon", "unauthorized", match="/listings/", count=10)

    assert await sandbox.run("amzn_sp_api", "refusal") == 403


async def test_amzn_selling_partner_writes_a_quantity_and_reads_it(sandbox: Served) -> None:
    """Its models are strict: each field that the published files require is in the answers."""
    found = await sandbox.run("amzn_selling_partner_client", "write_and_read")

    assert found == {"status": "ACCEPTED", "shown": [["DEFAULT", 7]]}
    assert await sandbox.live("amazon", f"{US}:SKU-00007") == 7


async def test_amzn_selling_partner_pages_through_every_listing_once(sandbox: Served) -> None:
    found = await sandbox.run("amzn_selling_partner_client", "pages")

    assert found["found"] == found["different"] > 5


async def test_amzn_selling_partner_hands_in_a_feed_and_reads_its_report(sandbox: Served) -> None:
    found = await sandbox.run("amzn_selling_partner_client", "feed")

    assert found == {"accepted": 1, "refused": [2]}
    assert await sandbox.becomes("amazon", f"{US}:SKU-00002", 9) == 9


async def test_amzn_selling_partner_knows_an_unknown_sku(sandbox: Served) -> None:
    assert await sandbox.run("amzn_selling_partner_client", "refusal") == 404
