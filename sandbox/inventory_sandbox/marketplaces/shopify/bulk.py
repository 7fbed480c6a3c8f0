"""Bulk operations: a query over everything, run in the background, whose result is a file of JSON lines."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLResolveInfo,
    InlineFragmentNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    value_from_ast_untyped,
)

from inventory_sandbox.marketplaces.clock import iso_time
from inventory_sandbox.marketplaces.http import Answer, Call, Operation, json_answer
from inventory_sandbox.marketplaces.shopify.mutations import Context
from inventory_sandbox.marketplaces.shopify.shop import Item, Shop, matching, number_of
from inventory_sandbox.marketplaces.shopify.values import Values, connection
from inventory_sandbox.marketplaces.world import World

WAITS_S: Final = (0.5, 2.0)
RUNS_S: Final = (2.0, 10.0)
PER_ITEM_S: Final = 0.0005
"""Ours: Shopify gives no times."""
CHUNK: Final = 500
"""Items worked on at a time, so that other calls are answered in between."""
KEPT_S: Final = 7 * 24 * 3600.0
MAX_CONNECTIONS: Final = 5
MAX_DEPTH: Final = 2
MAX_OPERATIONS: Final = 500
_DONE: Final = frozenset({"COMPLETED", "CANCELED", "FAILED", "EXPIRED"})
_ROOTS: Final = ("inventoryItems", "productVariants")
Json = dict[str, object]


@dataclass(slots=True)
class BulkOperation:
    """One bulk operation and the lines written so far."""

    gid: str
    query: str
    base_url: str
    created_at: float
    status: str = "CREATED"
    completed_at: float | None = None
    lines: list[bytes] = field(default_factory=list)
    roots: int = 0
    content: bytes = b""


class BulkOperations:
    """The shop's bulk operations. One runs at a time before version 2026-01, five after."""

    def __init__(self, world: World, shop: Shop, values: Values, finished: Callable[[BulkOperation], None]) -> None:
        self._world = world
        self._shop = shop
        self._values = values
        self._finished = finished
        self._operations: dict[str, BulkOperation] = {}
        self._numbers = 700_000

    def operations(self) -> Sequence[Operation]:
        """The file of a finished operation, behind a URL that needs no token."""
        return (Operation("bulkResult", "GET", "/bulk/{number}.jsonl", self._download, open=True),)

    def root(self) -> Mapping[str, Callable[..., object]]:
        """The resolvers by name."""
        return {
            "bulkOperationRunQuery": self._run,
            "bulkOperationCancel": self._cancel,
            "bulkOperation": lambda _, id: self.get(id),
            "currentBulkOperation": self._current,
            "bulkOperations": self._list,
        }

    def get(self, gid: str) -> Json | None:
        """The operation with that gid as a GraphQL value."""
        found = self._operations.get(gid)
        return self._json(found) if found is not None else None

    def _run(self, info: GraphQLResolveInfo[Context], query: str, **_: object) -> Json:
        context = info.context
        document = context.version.document(query)
        if document.node is None:
            return _refused("INVALID", document.errors[0].message)
        wrong = _unfit(document.node)
        if wrong:
            return _refused("INVALID", wrong)
        running = sum(one.status not in _DONE for one in self._operations.values())
        if running >= (5 if context.version.version >= "2026-01" else 1):
            return _refused("OPERATION_IN_PROGRESS", "A bulk query operation for this app and shop is already running.")
        operation = self._start(query, document.node, context.call)
        return {"bulkOperation": self._json(operation), "userErrors": []}

    def _start(self, query: str, document: DocumentNode, call: Call) -> BulkOperation:
        self._numbers += 1
        gid = f"gid://shopify/BulkOperation/{self._numbers}"
        operation = BulkOperation(gid, query, call.document_url, call.at)
        self._operations[gid] = operation
        if len(self._operations) > MAX_OPERATIONS:
            del self._operations[next(iter(self._operations))]
        world, factor = self._world, self._world.settings.factor
        begins_at = call.at + world.draw(*WAITS_S) * factor
        items = len(self._shop.order)
        lasts_s = (world.draw(*RUNS_S) + items * PER_ITEM_S) * factor
        world.stock.schedule(begins_at, lambda _: _begin(operation))
        chunks = max(1, -(-items // CHUNK))
        reader = _Reader(document, self._shop, self._values)
        for number in range(chunks):
            at = begins_at + lasts_s * (number + 1) / (chunks + 1)
            world.stock.schedule(at, partial(_work, operation, reader, number * CHUNK))
        world.stock.schedule(begins_at + lasts_s, lambda at: self._end(operation, at))
        return operation

    def _end(self, operation: BulkOperation, at: float) -> None:
        if operation.status == "RUNNING":
            operation.content = b"".join(operation.lines)
            operation.status, operation.completed_at = "COMPLETED", at
            self._finished(operation)

    def _cancel(self, info: GraphQLResolveInfo[Context], id: str) -> Json:
        operation = self._operations.get(id)
        if operation is None:
            return {
                "bulkOperation": None,
                "userErrors": [{"field": ["id"], "message": "Bulk operation does not exist"}],
            }
        if operation.status in _DONE:
            error = {"field": None, "message": "A bulk operation cannot be canceled when it is completed"}
            return {"bulkOperation": self._json(operation), "userErrors": [error]}
        operation.status, operation.completed_at = "CANCELED", info.context.call.at
        return {"bulkOperation": self._json(operation), "userErrors": []}

    def _current(self, _: object, type: str = "QUERY") -> Json | None:
        newest = next(reversed(self._operations.values()), None)
        return self._json(newest) if newest is not None and type == "QUERY" else None

    def _list(self, _: object, query: str | None = None, **arguments: object) -> Json:
        newest_first = list(reversed(self._operations.values()))
        wanted = (query or "").removeprefix("status:").lower() if query and query.startswith("status:") else ""
        found = [one for one in newest_first if wanted in ("", one.status.lower())]
        return connection(found, self._json, dict(arguments))

    def _json(self, operation: BulkOperation) -> Json:
        done = operation.status == "COMPLETED"
        has_file = done and operation.content != b""
        return {
            "__typename": "BulkOperation",
            "id": operation.gid,
            "status": operation.status,
            "type": "QUERY",
            "query": operation.query,
            "createdAt": iso_time(operation.created_at),
            "completedAt": iso_time(operation.completed_at) if operation.completed_at is not None else None,
            "errorCode": None,
            "objectCount": str(len(operation.lines)),
            "rootObjectCount": str(operation.roots),
            "fileSize": str(len(operation.content)) if has_file else None,
            "url": f"{operation.base_url}/bulk/{number_of(operation.gid)}.jsonl" if has_file else None,
            "partialDataUrl": None,
        }

    def _download(self, call: Call) -> Answer:
        operation = self._operations.get(f"gid://shopify/BulkOperation/{call.parameters['number']}")
        if operation is None or operation.completed_at is None or call.at - operation.completed_at > KEPT_S:
            return json_answer(404, {"errors": "Not Found"})
        return Answer(200, operation.content, "application/jsonl")


class _Reader:
    """Reads a query's selection off the values; a general executor would take far longer for 100,000 items."""

    def __init__(self, document: DocumentNode, shop: Shop, values: Values) -> None:
        self._fragments = {
            one.name.value: one.selection_set for one in document.definitions if isinstance(one, FragmentDefinitionNode)
        }
        root = _root_field(document)
        arguments = _arguments(root)
        self._items = matching(shop.order, str(arguments.get("query") or ""))
        self._show = values.item if root.name.value == "inventoryItems" else values.variant
        self._selection = _node_selection(root.selection_set)

    def lines(self, start: int) -> tuple[list[bytes], int]:
        """The lines of the items from there on, and how many items they are."""
        found: list[bytes] = []
        items: Sequence[Item] = self._items[start : start + CHUNK]
        for item in items:
            self._emit(self._show(item), self._selection, None, found)
        return found, len(items)

    def _emit(
        self, value: Mapping[str, object], selection: SelectionSetNode | None, parent: str | None, found: list[bytes]
    ) -> None:
        children: list[tuple[Mapping[str, object], SelectionSetNode | None]] = []
        line = self._select(value, selection, children)
        if parent is not None:
            line["__parentId"] = parent
        found.append(json.dumps(line, separators=(",", ":")).encode() + b"\n")
        for child, of_child in children:
            self._emit(child, of_child, str(value["id"]), found)

    def _select(
        self,
        value: Mapping[str, object],
        selection: SelectionSetNode | None,
        children: list[tuple[Mapping[str, object], SelectionSetNode | None]],
    ) -> Json:
        shown: Json = {}
        for one in selection.selections if selection is not None else ():
            if isinstance(one, FragmentSpreadNode):
                shown |= self._select(value, self._fragments.get(one.name.value), children)
            elif isinstance(one, InlineFragmentNode):
                condition = one.type_condition.name.value if one.type_condition is not None else None
                if condition in (None, value.get("__typename")):
                    shown |= self._select(value, one.selection_set, children)
            elif isinstance(one, FieldNode):
                self._field(value, one, shown, children)
        return shown

    def _field(
        self,
        value: Mapping[str, object],
        node: FieldNode,
        shown: Json,
        children: list[tuple[Mapping[str, object], SelectionSetNode | None]],
    ) -> None:
        found = value.get(node.name.value)
        if callable(found):
            arguments = _arguments(node)
            if _is_connection(node):
                arguments["first"] = None
                arguments["everything"] = True
            found = found(None, **arguments)
        name = node.alias.value if node.alias is not None else node.name.value
        if _is_connection(node):
            nodes = found["nodes"] if isinstance(found, dict) else ()
            assert isinstance(nodes, list | tuple)
            children.extend((one, _node_selection(node.selection_set)) for one in nodes)
        elif isinstance(found, dict):
            shown[name] = self._select(found, node.selection_set, children)
        elif isinstance(found, list) and node.selection_set is not None:
            shown[name] = [self._select(one, node.selection_set, children) for one in found]
        else:
            shown[name] = found


def _begin(operation: BulkOperation) -> None:
    if operation.status == "CREATED":
        operation.status = "RUNNING"


def _work(operation: BulkOperation, reader: _Reader, start: int, at: float) -> None:
    if operation.status == "RUNNING":
        lines, roots = reader.lines(start)
        operation.lines.extend(lines)
        operation.roots += roots


def _arguments(node: FieldNode) -> Json:
    return {one.name.value: value_from_ast_untyped(one.value) for one in node.arguments or ()}


def _root_field(document: DocumentNode) -> FieldNode:
    operation = next(one for one in document.definitions if isinstance(one, OperationDefinitionNode))
    found = operation.selection_set.selections[0]
    assert isinstance(found, FieldNode)  # made sure of by _unfit
    return found


def _unfit(document: DocumentNode) -> str:
    """Why a query cannot run in bulk; empty when it can."""
    operations = [one for one in document.definitions if isinstance(one, OperationDefinitionNode)]
    if len(operations) != 1 or operations[0].operation is not OperationType.QUERY:
        return "Invalid bulk query: exactly one query is needed."
    roots = operations[0].selection_set.selections
    if len(roots) != 1 or not isinstance(roots[0], FieldNode) or roots[0].name.value not in _ROOTS:
        return f"Invalid bulk query: it must begin with one of {', '.join(_ROOTS)}."
    count, depth = _connections(roots[0])
    if count == 0:
        return "Bulk queries must contain at least one connection."
    if count > MAX_CONNECTIONS:
        return f"Bulk queries cannot contain more than {MAX_CONNECTIONS} connections."
    if depth > MAX_DEPTH:
        return f"Bulk queries cannot have connections nested deeper than {MAX_DEPTH} levels."
    return ""


def _connections(node: FieldNode) -> tuple[int, int]:
    """How many connections there are in a field, and how deep they are nested."""
    own = 1 if _is_connection(node) else 0
    count, depth = own, 0
    for one in node.selection_set.selections if node.selection_set is not None else ():
        if isinstance(one, FieldNode):
            inner_count, inner_depth = _connections(one)
            count, depth = count + inner_count, max(depth, inner_depth)
    return count, depth + own


def _is_connection(node: FieldNode) -> bool:
    names = {
        one.name.value
        for one in (node.selection_set.selections if node.selection_set is not None else ())
        if isinstance(one, FieldNode)
    }
    return bool(names & {"edges", "nodes"})


def _node_selection(selection: SelectionSetNode | None) -> SelectionSetNode | None:
    """What is selected of a connection's nodes, under `nodes` or `edges { node }`."""
    for one in selection.selections if selection is not None else ():
        if isinstance(one, FieldNode) and one.name.value == "nodes":
            return one.selection_set
        if isinstance(one, FieldNode) and one.name.value == "edges":
            for inner in one.selection_set.selections if one.selection_set is not None else ():
                if isinstance(inner, FieldNode) and inner.name.value == "node":
                    return inner.selection_set
    return None


def _refused(code: str, message: str) -> Json:
    return {"bulkOperation": None, "userErrors": [{"field": ["query"], "message": message, "code": code}]}
