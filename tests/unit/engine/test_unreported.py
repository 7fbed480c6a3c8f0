"""Orders that channels reported and the source did not."""

from __future__ import annotations

import logging

import pytest

from inventory_domain.changes import OrderShipped, UnitsSold
from inventory_domain.identifiers import ChannelId, OrderId
from inventory_domain.sku_state import SkuState
from inventory_domain.stock import Stock
from inventory_streams.engine.unreported import Unreported
from tests.support.stock import NOW_MS, SKU, a_product, a_stock, after

ORDER = OrderId("o")


def sold() -> Stock:
    return after(a_stock(dallas=9), UnitsSold(ChannelId("shop"), ORDER, 2), location=None)


def test_an_order_is_overdue_until_the_source_reports_it(caplog: pytest.LogCaptureFixture) -> None:
    unreported = Unreported()
    unreported.note(SKU, SkuState(SKU, sold(), a_product()))

    assert unreported.overdue(NOW_MS - 1) == 0
    with caplog.at_level(logging.WARNING):
        assert [unreported.overdue(NOW_MS), unreported.overdue(NOW_MS)] == [1, 1]
    unreported.note(SKU, SkuState(SKU, after(sold(), OrderShipped(2, None, ORDER)), a_product()))

    assert unreported.overdue(NOW_MS) == 0
    assert [record.message for record in caplog.records] == ["orders that channels reported and the source never did"]


def test_an_order_of_a_product_that_left_the_catalog_is_nobodys_concern_until_it_is_back() -> None:
    unreported = Unreported()
    unreported.note(SKU, SkuState(SKU, sold(), a_product()))

    unreported.note(SKU, SkuState(SKU, sold()))
    assert unreported.overdue(NOW_MS) == 0

    unreported.note(SKU, SkuState(SKU, sold(), a_product()))
    assert unreported.overdue(NOW_MS) == 1
