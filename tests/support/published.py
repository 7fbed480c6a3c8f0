"""The marketplaces' published specifications, and whether an answer fits them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import httpx
from jsonschema import Draft4Validator
from jsonschema.protocols import Validator
from openapi_schema_validator import OAS30Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT4

SPECS = Path(__file__).resolve().parents[2].parent / "shared" / "specs"
WHY_SKIPPED = "the published specifications are not beside the repository (../shared/specs)"
FILES: Mapping[str, tuple[str, ...]] = {
    "amazon": (
        "amazon/models/listingsItems_2021-08-01.json",
        "amazon/models/feeds_2021-06-30.json",
        "amazon/models/reports_2021-06-30.json",
        "amazon/models/fbaInventory.json",
        "amazon/models/notifications.json",
        "amazon/models/sellers.json",
    ),
    "ebay": (
        "ebay/sell_inventory_v1_oas3.json",
        "ebay/developer_analytics_v1_beta_oas3.json",
        "ebay/commerce_notification_v1_oas3.json",
    ),
    "walmart": (
        "walmart/inventory-management.openapi.json",
        "walmart/authentication.openapi.json",
        "walmart/feed-management.openapi.json",
        "walmart/items-read.openapi.json",
        "walmart/settings-shipnodes.openapi.json",
        "walmart/api-status.openapi.json",
        "walmart/notifications-management.openapi.json",
    ),
}
# Answered by gateways in front of the APIs; the specifications list them here and there only.
ANYWHERE = frozenset({401, 403, 429, 500, 502, 503})
# Seen by authors of public clients, in no file: an empty list of items.
OBSERVED = frozenset({("GET", "/v3/items", 404)})


@dataclass(frozen=True, slots=True)
class Published:
    """One operation of a specification: where it is, and a validator for each status whose body is described."""

    method: str
    path: re.Pattern[str]
    template: str
    statuses: frozenset[int]
    bodies: Mapping[int, Validator]


def available() -> bool:
    """Whether the specifications are there."""
    return SPECS.is_dir()


@cache
def operations(marketplace: str) -> tuple[Published, ...]:
    """All published operations of a marketplace; those with fewer parameters in their path come first."""
    found = [one for name in FILES.get(marketplace, ()) for one in _read(json.loads((SPECS / name).read_text()), name)]
    return tuple(sorted(found, key=lambda one: one.template.count("{")))


def _read(document: dict[str, object], name: str) -> Iterator[Published]:
    uri = f"urn:{name}"
    registry: Registry[object] = Registry().with_resource(uri, Resource(document, DRAFT4))  # type: ignore[arg-type]
    modern = "openapi" in document
    base = _base_path(document)
    paths = document["paths"]
    assert isinstance(paths, dict)
    for template, methods in paths.items():
        for method, operation in methods.items():
            if not isinstance(operation, dict) or "responses" not in operation:
                continue
            bodies: dict[int, Validator] = {}
            for status, response in operation["responses"].items():
                pointer = _pointer(template, method, status, response, modern)
                if pointer is not None and status.isdigit():
                    kind = OAS30Validator if modern else Draft4Validator
                    bodies[int(status)] = kind({"$ref": f"{uri}#{pointer}"}, registry=registry)
            if 207 not in bodies and 200 in bodies:
                bodies[207] = bodies[200]  # the files leave the mixed answer undescribed; its rows are the same
            statuses = frozenset(int(one) for one in operation["responses"] if one.isdigit())
            pattern = re.compile("^" + re.sub(r"\\\{[^}]*\\\}", "[^/]+", re.escape(base + template)) + "$")
            yield Published(method.upper(), pattern, base + template, statuses, bodies)


def _base_path(document: dict[str, object]) -> str:
    servers = document.get("servers")
    if not isinstance(servers, list) or not servers:
        return ""
    server = servers[0]
    url = str(server["url"])
    for name, variable in server.get("variables", {}).items():
        url = url.replace("{" + name + "}", str(variable["default"]))
    return httpx.URL(url).path.rstrip("/")


def _pointer(template: str, method: str, status: str, response: object, modern: bool) -> str | None:
    """Where in the document the schema of a response is."""
    if not isinstance(response, dict):
        return None
    start = f"/paths/{_escape(template)}/{method}/responses/{status}"
    if not modern:
        return f"{start}/schema" if "schema" in response else None
    for media in response.get("content", {}):
        if "json" in media:
            return f"{start}/content/{_escape(media)}/schema"
    return None


def _escape(part: str) -> str:
    return part.replace("~", "~0").replace("/", "~1").replace("{", "%7B").replace("}", "%7D")


def misfit(marketplace: str, request: httpx.Request, answer: httpx.Response) -> str:
    """What in an answer does not fit the specification; empty when it fits or is not described."""
    path = request.url.raw_path.partition(b"?")[0].decode()
    for one in operations(marketplace):
        if one.method != request.method or not one.path.match(path):
            continue
        if answer.status_code not in one.statuses:
            # Walmart's files describe good answers only, so their silence on errors says nothing.
            if answer.status_code in ANYWHERE or max(one.statuses) < 400 <= answer.status_code:
                return ""
            if (one.method, one.template, answer.status_code) in OBSERVED:
                return ""
            return f"{one.method} {one.template}: status {answer.status_code} is not published"
        validator = one.bodies.get(answer.status_code)
        if validator is None or "json" not in answer.headers.get("content-type", ""):
            return ""
        error = next(iter(validator.iter_errors(json.loads(answer.content))), None)
        if error is None:
            return ""
        where = "/".join(str(step) for step in error.absolute_path)
        return f"{one.method} {one.template} {answer.status_code} at {where or 'the top'}: {error.message[:300]}"
    return ""
