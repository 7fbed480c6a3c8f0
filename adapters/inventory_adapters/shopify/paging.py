"""A page of whatever Shopify lists: its nodes, and where the next page begins."""

from __future__ import annotations

from inventory_adapters.bodies import mapping, rows, text
from inventory_adapters.http import Json


def page_of(body: Json, name: str) -> tuple[list[dict[str, Json]], str | None] | None:
    """The nodes of the list of that name, and the cursor of the page after it; None instead of one for the last page.

    None for all where an answer lacks its list, or the way to the next page: that is not the end.
    """
    listed = mapping(mapping(mapping(body).get("data")).get(name))
    info, nodes = mapping(listed.get("pageInfo")), listed.get("nodes")
    more, cursor = info.get("hasNextPage"), text(info.get("endCursor")) or None
    if not isinstance(more, bool) or (more and cursor is None) or not isinstance(nodes, list):
        return None
    return rows(nodes), cursor if more else None
