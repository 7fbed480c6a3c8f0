"""What a GraphQL query costs: 10 points a mutation, 1 an object, connections by the number of nodes asked for.

Shopify publishes these points and no exact formula; here objects inside a node come with the node.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    IntValueNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    VariableNode,
)

MUTATION_POINTS: Final = 10
OBJECT_POINTS: Final = 1
CONNECTION_POINTS: Final = 2
MAX_POINTS: Final = 1_000
"""The most that one query may ask for."""
_DEFAULT_PAGE: Final = 10
_WRAPPERS: Final = frozenset({"nodes", "edges", "node"})


def requested_cost(document: DocumentNode, variables: Mapping[str, object], operation_name: str | None) -> int:
    """Points that the operation may need at most; what is taken before it runs."""
    fragments = {one.name.value: one for one in document.definitions if isinstance(one, FragmentDefinitionNode)}
    for definition in document.definitions:
        if not isinstance(definition, OperationDefinitionNode):
            continue
        name = definition.name.value if definition.name is not None else None
        if operation_name not in (None, "", name):
            continue
        if definition.operation is OperationType.MUTATION:
            return MUTATION_POINTS * len(definition.selection_set.selections)
        return max(1, _cost_of(definition.selection_set, variables, fragments))
    return 1


def _cost_of(
    selections: SelectionSetNode | None,
    variables: Mapping[str, object],
    fragments: Mapping[str, FragmentDefinitionNode],
    in_node: bool = False,
) -> int:
    total = 0
    for one in selections.selections if selections is not None else ():
        if isinstance(one, FragmentSpreadNode):
            fragment = fragments.get(one.name.value)
            inner = fragment.selection_set if fragment is not None else None
            total += _cost_of(inner, variables, fragments, in_node)
        elif isinstance(one, InlineFragmentNode):
            total += _cost_of(one.selection_set, variables, fragments, in_node)
        elif isinstance(one, FieldNode) and one.selection_set is not None:
            count = _page_size(one, variables)
            if count is not None:
                inner_cost = _cost_of(one.selection_set, variables, fragments, in_node=True)
                total += CONNECTION_POINTS + count * (OBJECT_POINTS + inner_cost)
            else:
                own = 0 if in_node or one.name.value in _WRAPPERS else OBJECT_POINTS
                total += own + _cost_of(one.selection_set, variables, fragments, in_node)
    return total


def _page_size(field: FieldNode, variables: Mapping[str, object]) -> int | None:
    """How many nodes a connection is asked for; None for a field that is none."""
    for argument in field.arguments or ():
        if argument.name.value in ("first", "last"):
            if isinstance(argument.value, IntValueNode):
                return int(argument.value.value)
            if isinstance(argument.value, VariableNode):
                value = variables.get(argument.value.name.value)
                return value if isinstance(value, int) else _DEFAULT_PAGE
    return None


def actual_cost(data: object, in_node: bool = False) -> int:
    """Points that an answer's data was worth, counted like the request but by what is in it."""
    if isinstance(data, list):
        return sum(actual_cost(one, in_node) for one in data)
    if not isinstance(data, dict):
        return 0
    nodes = data.get("nodes", data.get("edges"))
    if isinstance(nodes, list):
        return CONNECTION_POINTS + sum(OBJECT_POINTS + actual_cost(one, in_node=True) for one in nodes)
    own = 0 if in_node else OBJECT_POINTS
    return own + sum(actual_cost(one, in_node) for one in data.values())
