"""What a GraphQL query costs: 10 points a mutation, 1 an object, connections by the number of nodes asked for."""

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
) -> int:
    total = 0
    for one in selections.selections if selections is not None else ():
        if isinstance(one, FragmentSpreadNode):
            fragment = fragments.get(one.name.value)
            total += _cost_of(fragment.selection_set, variables, fragments) if fragment is not None else 0
        elif isinstance(one, InlineFragmentNode):
            total += _cost_of(one.selection_set, variables, fragments)
        elif isinstance(one, FieldNode) and one.selection_set is not None:
            inner = _cost_of(one.selection_set, variables, fragments)
            count = _page_size(one, variables)
            if one.name.value in _WRAPPERS:
                total += inner
            elif count is not None:
                total += OBJECT_POINTS + count * (OBJECT_POINTS + inner)
            else:
                total += OBJECT_POINTS + inner
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


def actual_cost(data: object) -> int:
    """Points that an answer was worth: one for each object in it."""
    if isinstance(data, dict):
        return OBJECT_POINTS + sum(actual_cost(one) for one in data.values())
    if isinstance(data, list):
        return sum(actual_cost(one) for one in data)
    return 0
