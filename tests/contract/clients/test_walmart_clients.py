"""Walmart's sandbox, used by a client of its Marketplace API that other people wrote."""

from tests.support.clients import Served


async def test_python_walmart_gets_a_token_of_15_minutes(sandbox: Served) -> None:
    assert await sandbox.run("python_walmart", "token") == {"expires_in": 900, "has_token": True}


async def test_python_walmart_writes_a_quantity_and_reads_it(sandbox: Served) -> None:
    wanted = {"sku": "SKU-00007", "quantity": {"unit": "EACH", "amount": 6}}

    assert await sandbox.run("python_walmart", "write") == wanted
    assert await sandbox.becomes("walmart", "SKU-00007", 6) == 6
    assert await sandbox.run("python_walmart", "read") == wanted


async def test_python_walmart_reads_the_items(sandbox: Served) -> None:
    assert await sandbox.run("python_walmart", "items") > 5


async def test_python_walmart_hands_in_feeds_as_the_published_call_does_not_take_them(sandbox: Served) -> None:
    """It sends no form; the published call takes nothing else and names this refusal."""
    assert await sandbox.run("python_walmart", "feed") == 400


async def test_python_walmart_knows_a_wrong_secret(sandbox: Served) -> None:
    assert await sandbox.run("python_walmart", "wrong_secret") == "WalmartAuthenticationError"
