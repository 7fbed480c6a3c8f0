"""The control endpoint: what every listing shows, its history, sales, faults and counts, as JSON."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, Protocol

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route, Router

from inventory_sandbox.marketplaces.assortment import ListingSeed, seed_from_json
from inventory_sandbox.marketplaces.faults import Fault, FaultMode
from inventory_sandbox.marketplaces.settings import MARKETPLACES
from inventory_sandbox.marketplaces.stock import Listing, Write, writes_of
from inventory_sandbox.marketplaces.world import API_GROUPS, API_STATUSES, World

MAX_HISTORY_LISTINGS: Final = 10_000
Json = dict[str, object]


class Fillable(Protocol):
    """A marketplace that takes listings."""

    def add(self, seed: ListingSeed) -> None:
        """Takes a listing; raises ValueError when its key is taken."""
        ...


class Places(Protocol):
    """A shop whose locations can be set."""

    def set_location(self, gid: str, name: str, active: bool, fulfillment_service: bool) -> None:
        """Makes a location, or changes one."""
        ...


class BadRequest(Exception):
    """A control request that cannot be done; its text says why."""


def listing_json(listing: Listing) -> Json:
    """A listing as the control endpoint shows it."""
    seed = listing.seed
    return {
        "marketplace": seed.marketplace,
        "key": seed.key,
        "account": seed.account,
        "marketplace_id": seed.marketplace_id,
        "sku": seed.sku,
        "type": seed.kind.value,
        "status": listing.status,
        "live_quantity": listing.live,
        "submitted_quantity": listing.submitted,
        "parts": {
            part.name: {"live": part.live, "submitted": part.submitted, "reserved": part.reserved}
            for part in listing.parts.values()
        },
        "sold": listing.sold,
    }


def write_json(write: Write) -> Json:
    """A write as the control endpoint shows it; times are seconds since 1970."""
    return {
        "part": write.part,
        "quantity": write.quantity,
        "received_at": write.received_at,
        "request_id": write.request_id,
        "api": write.api,
        "applies_at": write.applies_at,
        "applied_at": write.applied_at,
        "live_from": write.applied_at,
        "live_until": write.live_until,
    }


def _history_json(listing: Listing) -> Json:
    return {
        "marketplace": listing.seed.marketplace,
        "key": listing.seed.key,
        "sku": listing.seed.sku,
        "live_quantity": listing.live,
        "submitted_quantity": listing.submitted,
        "writes": [write_json(one) for one in writes_of(listing)],
        "sales": [
            {"at": one.at, "quantity": one.quantity, "live_before": one.live_before, "live_after": one.live_after}
            for one in listing.sales
        ],
    }


def _fault_json(fault: Fault) -> Json:
    return {
        "id": fault.number,
        "marketplace": fault.marketplace,
        "mode": fault.mode.value,
        "count": fault.count,
        "until": fault.until,
        "probability": fault.probability,
        "match": fault.match,
        "answer_after_s": fault.answer_after_s,
        "drawn": fault.drawn,
    }


class Control:
    """The control endpoint of one sandbox. Errors are 400 or 404 with `{"error": text}`."""

    def __init__(self, world: World, marketplaces: Mapping[str, Fillable], shop: Places) -> None:
        self._world = world
        self._shop = shop
        self._marketplaces = marketplaces

    def router(self) -> Router:
        """The endpoint as an ASGI application."""
        served: tuple[tuple[str, str, Callable[[Request], Awaitable[Json]]], ...] = (
            ("GET", "/listings", self._listings),
            ("POST", "/listings", self._fill),
            ("GET", "/listings/{marketplace}/{key:path}/history", self._history),
            ("GET", "/listings/{marketplace}/{key:path}", self._listing),
            ("GET", "/history", self._all_history),
            ("POST", "/sales", self._sell),
            ("POST", "/shipments", self._ship),
            ("POST", "/edits", self._edit),
            ("GET", "/faults", self._faults),
            ("POST", "/faults", self._add_fault),
            ("DELETE", "/faults", self._clear_faults),
            ("DELETE", "/faults/{number:int}", self._remove_fault),
            ("GET", "/counters", self._counters),
            ("DELETE", "/counters", self._reset_counters),
            ("GET", "/tokens", self._tokens),
            ("GET", "/deliveries", self._deliveries),
            ("POST", "/locations", self._set_location),
            ("POST", "/api-status", self._set_api_status),
            ("GET", "/healthz", self._health),
        )
        return Router([Route(path, _endpoint(act), methods=[method]) for method, path, act in served])

    async def _listings(self, request: Request) -> Json:
        wanted = request.query_params.get("marketplace")
        return {"listings": [listing_json(one) for one in self._world.stock.all(wanted)]}

    async def _listing(self, request: Request) -> Json:
        return listing_json(self._found(request.path_params))

    async def _fill(self, request: Request) -> Json:
        body = await _body(request)
        raw = body.get("listings")
        if not isinstance(raw, list) or not all(isinstance(one, dict) for one in raw):
            raise BadRequest("listings must be a list of listing seeds")
        try:
            seeds = [seed_from_json(one) for one in raw]
            for seed in seeds:
                self._marketplaces[seed.marketplace].add(seed)
        except ValueError as error:
            raise BadRequest(str(error)) from error
        return {"added": len(seeds), "listings": len(self._world.stock)}

    async def _history(self, request: Request) -> Json:
        return _history_json(self._found(request.path_params))

    async def _all_history(self, request: Request) -> Json:
        wanted = request.query_params.get("marketplace")
        start = int(request.query_params.get("offset", "0"))
        listings = list(self._world.stock.all(wanted))
        page = listings[start : start + MAX_HISTORY_LISTINGS]
        more = start + len(page) < len(listings)
        return {"history": [_history_json(one) for one in page], "next_offset": start + len(page) if more else None}

    async def _sell(self, request: Request) -> Json:
        listing, units, _ = await self._act(request)
        sold = self._world.stock.sell(listing, units)
        return {"sold": sold, "live_quantity": listing.live}

    async def _ship(self, request: Request) -> Json:
        listing, units, _ = await self._act(request)
        self._world.stock.ship(listing, units)
        return listing_json(listing)

    async def _edit(self, request: Request) -> Json:
        listing, units, body = await self._act(request)
        name = str(body.get("part") or next(iter(listing.parts), ""))
        names = list(listing.parts) if listing.least and "part" not in body else [name]
        for one in names:
            if one not in listing.parts:
                raise BadRequest(f"no part {one!r}: {', '.join(listing.parts)}")
            request_id = self._world.new_id()
            self._world.stock.edit(listing.parts[one], units, request_id=request_id, api="seller_pages")
        return listing_json(listing)

    async def _act(self, request: Request) -> tuple[Listing, int, Json]:
        body = await _body(request)
        units = body.get("quantity")
        if isinstance(units, bool) or not isinstance(units, int) or units < 0:
            raise BadRequest(f"quantity must be a whole number, 0 or more: {units!r}")
        return self._found(body), units, body

    def _found(self, where: Mapping[str, object]) -> Listing:
        marketplace, key = str(where.get("marketplace")), str(where.get("key"))
        listing = self._world.stock.get(marketplace, key)
        if listing is None:
            raise LookupError(f"no listing {marketplace} {key}")
        return listing

    async def _faults(self, request: Request) -> Json:
        return {"faults": [_fault_json(one) for one in self._world.faults.active(self._world.clock.now())]}

    async def _add_fault(self, request: Request) -> Json:
        body = await _body(request)
        marketplace, mode = str(body.get("marketplace", "")), str(body.get("mode", ""))
        if marketplace not in (*MARKETPLACES, "*"):
            raise BadRequest(f"marketplace must be one of {', '.join(MARKETPLACES)} or *: {marketplace!r}")
        if mode not in {one.value for one in FaultMode}:
            raise BadRequest(f"mode must be one of {', '.join(one.value for one in FaultMode)}: {mode!r}")
        duration, count = _number(body, "duration_s"), _number(body, "count")
        probability = _number(body, "probability")
        try:
            fault = self._world.faults.add(
                marketplace,
                FaultMode(mode),
                count=int(count) if count is not None else None,
                until=self._world.clock.now() + duration if duration is not None else None,
                probability=1.0 if probability is None else probability,
                match=str(body.get("match", "")),
                answer_after_s=_number(body, "answer_after_s"),
            )
        except ValueError as error:
            raise BadRequest(str(error)) from error
        if fault.mode is FaultMode.UNAUTHORIZED:
            self._revoke(marketplace)
        return _fault_json(fault)

    def _revoke(self, marketplace: str) -> None:
        for name, store in self._world.token_stores.items():
            if marketplace in (name, "*"):
                store.revoke_all()

    async def _clear_faults(self, request: Request) -> Json:
        return {"removed": self._world.faults.clear(request.query_params.get("marketplace"))}

    async def _remove_fault(self, request: Request) -> Json:
        if not self._world.faults.remove(request.path_params["number"]):
            raise LookupError(f"no fault {request.path_params['number']}")
        return {"removed": 1}

    async def _tokens(self, request: Request) -> Json:
        """For tests that look for them where none may be."""
        return {"issued": {name: list(store.issued()) for name, store in self._world.token_stores.items()}}

    async def _counters(self, request: Request) -> Json:
        counters = self._world.counters
        calls: dict[str, dict[str, dict[str, int]]] = {}
        for (marketplace, operation, status), count in counters.calls.items():
            calls.setdefault(marketplace, {}).setdefault(operation, {})[str(status)] = count
        faults: dict[str, dict[str, int]] = {}
        for (marketplace, mode), count in counters.faults.items():
            faults.setdefault(marketplace, {})[mode] = count
        return {
            "calls": calls,
            "throttled": {name: counters.throttled[name] for name in MARKETPLACES},
            "faults": faults,
            "never_written": {
                "count": counters.violation_count,
                "violations": [
                    {
                        "at": one.at,
                        "marketplace": one.marketplace,
                        "key": one.key,
                        "type": one.kind,
                        "api": one.api,
                        "request_id": one.request_id,
                        "quantity": one.quantity,
                        "accepted": one.accepted,
                    }
                    for one in counters.violations
                ],
            },
        }

    async def _reset_counters(self, request: Request) -> Json:
        self._world.counters.reset()
        return {"reset": True}

    async def _set_location(self, request: Request) -> Json:
        body = await _body(request)
        gid = str(body.get("id", ""))
        if not gid.startswith("gid://shopify/Location/") or not gid.rpartition("/")[2].isdecimal():
            raise BadRequest(f"id must be a location's gid: {gid!r}")
        active, service = body.get("active", True) is True, body.get("fulfillment_service", False) is True
        self._shop.set_location(gid, str(body.get("name") or gid), active, service)
        return {"id": gid, "active": active, "fulfillment_service": service}

    async def _deliveries(self, request: Request) -> Json:
        self._world.stock.settle()
        kept = [
            {
                "id": one.number,
                "marketplace": one.marketplace,
                "topic": one.topic,
                "target": one.target,
                "headers": dict(one.headers),
                "body": one.body.decode(),
                "at": one.at,
                "status": one.status,
            }
            for one in self._world.outbox.kept
        ]
        return {"deliveries": kept}

    async def _set_api_status(self, request: Request) -> Json:
        body = await _body(request)
        group, status = str(body.get("group", "Inventory")), str(body.get("status", ""))
        if group not in API_GROUPS or status not in API_STATUSES:
            raise BadRequest(f"group must be one of {', '.join(API_GROUPS)}, status one of {', '.join(API_STATUSES)}")
        self._world.api_status[group] = (status, self._world.clock.now())
        return {"group": group, "status": status}

    async def _health(self, request: Request) -> Json:
        return {"listings": len(self._world.stock), "now": self._world.clock.now()}


def _endpoint(act: Callable[[Request], Awaitable[Json]]) -> Callable[[Request], Awaitable[JSONResponse]]:
    async def answer(request: Request) -> JSONResponse:
        try:
            return JSONResponse(await act(request))
        except BadRequest as error:
            return JSONResponse({"error": str(error)}, 400)
        except LookupError as error:
            return JSONResponse({"error": str(error.args[0])}, 404)

    return answer


async def _body(request: Request) -> Json:
    try:
        body = json.loads(await request.body())
    except ValueError as error:
        raise BadRequest(f"the body is not JSON: {error}") from error
    if not isinstance(body, dict):
        raise BadRequest("the body must be a JSON object")
    return body


def _number(body: Json, name: str) -> float | None:
    value = body.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
        raise BadRequest(f"{name} must be a number, 0 or more: {value!r}")
    return float(value)
