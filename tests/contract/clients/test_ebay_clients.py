"""eBay's sandbox, used by clients of its REST APIs that other people wrote."""

from tests.support.clients import Served


async def test_bidkit_writes_quantities_and_reads_them(sandbox: Served) -> None:
    written = await sandbox.run("bidkit_client", "write_and_read")

    assert written == {"statuses": [200], "offer": "36000000002"}
    assert await sandbox.becomes("ebay", "36000000002", 4) == 4
    assert await sandbox.becomes("ebay", "36000000006", 6) == 6
    read = await sandbox.run("bidkit_client", "read")
    assert read == {"offer": 4, "item": 4, "many": [200, 400]}


async def test_bidkit_pages_through_every_sku_once(sandbox: Served) -> None:
    found = await sandbox.run("bidkit_client", "pages")

    assert found["total"] == found["found"] == found["different"] > 5


async def test_bidkit_reads_the_daily_limit(sandbox: Served) -> None:
    assert await sandbox.run("bidkit_client", "limits") == [2_000_000]


async def test_bidkit_makes_and_publishes_offers_many_at_a_time(sandbox: Served) -> None:
    found = await sandbox.run("bidkit_client", "many_offers")

    assert found == {"made": [200, 400], "published": [200], "listing": True}


async def test_bidkit_reads_the_key_that_notifications_are_signed_with(sandbox: Served) -> None:
    assert await sandbox.run("bidkit_client", "public_key") == ["ECDSA", "SHA1", True]


async def test_bidkit_knows_an_unknown_sku(sandbox: Served) -> None:
    assert await sandbox.run("bidkit_client", "refusal") == 404


async def test_ebay_rest_writes_a_quantity_and_reads_it(sandbox: Served) -> None:
    written = await sandbox.run("ebay_rest_client", "write_and_read")

    assert written == {"statuses": [200], "sku": "SKU-00010"}
    assert await sandbox.becomes("ebay", "36000000010", 8) == 8
    assert await sandbox.run("ebay_rest_client", "read") == 8


async def test_ebay_rest_pages_through_every_sku_once(sandbox: Served) -> None:
    found = await sandbox.run("ebay_rest_client", "pages")

    assert found["found"] == found["different"] > 5


async def test_ebay_rest_knows_an_unknown_sku(sandbox: Served) -> None:
    assert await sandbox.run("ebay_rest_client", "refusal") is True


async def test_ebaysdk_turns_out_of_stock_control_off_and_on(sandbox: Served) -> None:
    """It writes Python's booleans, and the token into the header or the body, as it is told."""
    found = await sandbox.run("ebaysdk_client", "preference")

    assert found == [["false", "m"], ["false", "m"], ["true", "m"], ["true", "m"]]


async def test_ebaysdk_reads_what_is_on_sale(sandbox: Served) -> None:
    await sandbox.run("bidkit_client", "write_and_read")
    await sandbox.becomes("ebay", "36000000002", 4)

    assert (await sandbox.run("ebaysdk_client", "selling"))["SKU-00002"] == 4


async def test_ebaysdk_cannot_revise_a_listing_of_the_inventory_api(sandbox: Served) -> None:
    assert await sandbox.run("ebaysdk_client", "revision") is True


async def test_ebaysdk_reads_one_listing(sandbox: Served) -> None:
    found = await sandbox.run("ebaysdk_client", "item")

    assert found == {"id": "110550000002", "sku": "SKU-00002", "status": "Active", "unknown": "17"}
