"""The legacy REST calls for products and their variants, by which a client finds the inventory item of a SKU."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from inventory_sandbox.marketplaces.clock import iso_time
from inventory_sandbox.marketplaces.http import Answer, Call, Operation, json_answer
from inventory_sandbox.marketplaces.shopify.rest import BASES, MAX_PAGE, NOT_FOUND
from inventory_sandbox.marketplaces.shopify.shop import Item, Shop, number_of, variant_gid
from inventory_sandbox.marketplaces.world import World

PAGE: Final = 50
Json = dict[str, object]


class RestProducts:
    """`products` and `variants`, read only: the sandbox's listings are made by its control endpoint."""

    def __init__(self, world: World, shop: Shop) -> None:
        self._world = world
        self._shop = shop

    def operations(self) -> Sequence[Operation]:
        """What is served."""
        served: tuple[tuple[str, str, Callable[[Call], Answer]], ...] = (
            ("getProducts", "products.json", self._products),
            ("countProducts", "products/count.json", self._count),
            ("getProduct", "products/{number}.json", self._product),
            ("getProductVariants", "products/{number}/variants.json", self._variants),
            ("getVariant", "variants/{number}.json", self._variant),
        )
        return tuple(
            Operation(name, "GET", f"{base}/{path}", handle) for base in BASES for name, path, handle in served
        )

    def _products(self, call: Call) -> Answer:
        limit, since = call.whole("limit", PAGE), call.whole("page_info", 0)
        if limit is None or since is None or not 1 <= limit <= MAX_PAGE or since < 0:
            return json_answer(400, {"errors": {"limit": "Invalid value"}})
        wanted = [one.strip() for one in call.query.get("ids", "").split(",") if one.strip()]
        after = call.whole("since_id", 0) or 0
        found = [
            gid
            for gid in self._shop.by_product
            if (not wanted or number_of(gid) in wanted) and int(number_of(gid)) > after
        ]
        answer = json_answer(200, {"products": [self._product_json(gid) for gid in found[since : since + limit]]})
        if since + limit < len(found):
            kept = f"&ids={','.join(wanted)}" if wanted else ""
            kept += f"&since_id={after}" if after else ""
            where = f"{call.base_url}{call.path}?limit={limit}&page_info={since + limit}{kept}"
            answer.headers["Link"] = f'<{where}>; rel="next"'
        return answer

    def _count(self, call: Call) -> Answer:
        return json_answer(200, {"count": len(self._shop.by_product)})

    def _product(self, call: Call) -> Answer:
        gid = f"gid://shopify/Product/{call.parameters['number']}"
        if gid not in self._shop.by_product:
            return json_answer(404, NOT_FOUND)
        return json_answer(200, {"product": self._product_json(gid)})

    def _variants(self, call: Call) -> Answer:
        items = self._shop.by_product.get(f"gid://shopify/Product/{call.parameters['number']}")
        if items is None:
            return json_answer(404, NOT_FOUND)
        return json_answer(200, {"variants": [self._variant_json(one) for one in items]})

    def _variant(self, call: Call) -> Answer:
        item = self._shop.by_variant.get(f"gid://shopify/ProductVariant/{call.parameters['number']}")
        return json_answer(200, {"variant": self._variant_json(item)}) if item else json_answer(404, NOT_FOUND)

    def _product_json(self, gid: str) -> Json:
        items = self._shop.by_product[gid]
        return {
            "id": int(number_of(gid)),
            "title": items[0].listing.seed.title,
            "handle": f"product-{number_of(gid)}",
            "vendor": "Demo",
            "product_type": "",
            "status": "active",
            "created_at": iso_time(self._world.started_at),
            "updated_at": iso_time(self._world.started_at),
            "variants": [self._variant_json(one) for one in items],
            "admin_graphql_api_id": gid,
        }

    def _variant_json(self, item: Item) -> Json:
        seed = item.listing.seed
        gid = variant_gid(item)
        siblings = self._shop.by_product.get(seed.product_id, [item])
        return {
            "id": int(number_of(gid)),
            "product_id": int(number_of(seed.product_id)) if seed.product_id else None,
            "title": "Default Title",
            "price": "19.99",
            "position": siblings.index(item) + 1,
            "inventory_policy": "deny",
            "inventory_management": "shopify" if item.tracked else None,
            "sku": item.sku,
            "inventory_item_id": int(number_of(item.gid)),
            "inventory_quantity": sum(part.submitted for part in item.listing.parts.values()),
            "created_at": iso_time(self._world.started_at),
            "updated_at": iso_time(self._world.started_at),
            "admin_graphql_api_id": gid,
        }
