"""Two declarations field by field, whatever their shape, with paths that a person can read."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from alignment_dagster.foundation.digests import canonical_json
from alignment_dagster.foundation.visible_text import cut

NAMED_BY = ("name", "rule", "group", "suite")
"""Fields that say which element of a list is which: the first that all elements have, each once."""
MAX_CHARACTERS = 120

Path = tuple[str, ...]
"""Fields and names of elements; an element that has no `name` stands in brackets."""


class _Absent:
    def __repr__(self) -> str:
        return "(none)"


ABSENT = _Absent()
"""The value of a field that one side does not have."""


@dataclass(frozen=True)
class FieldChange:
    """A field that differs."""

    path: Path
    before: Any
    after: Any


def compare_declarations(before: Any, after: Any, path: Path = ()) -> Iterator[FieldChange]:
    """The deepest fields in which two JSON values differ, in their order.

    Elements of a list are matched by their name where they have one, so that one more rule in
    front does not change all others; a change of their order is a change of its own.
    """
    if before is ABSENT or after is ABSENT:
        yield FieldChange(path, before, after)
    elif isinstance(before, Mapping) and isinstance(after, Mapping):
        yield from _compare_fields(before, after, path)
    elif (names := _name_elements(before, after)) is not None:
        old, new = (dict(zip(side, values, strict=True)) for side, values in names)
        yield from _compare_fields(old, new, path)
        shared = [[name for name in side if name in old and name in new] for side in (old, new)]
        if shared[0] != shared[1]:
            yield FieldChange((*path, "order"), shared[0], shared[1])
    elif canonical_json(before) != canonical_json(after):
        yield FieldChange(path, before, after)


def format_path(path: Path) -> str:
    """`recipes.filtered.drop[ai_discourse].above`."""
    return ".".join(path).replace(".[", "[")


def format_value(value: Any) -> str:
    """A value in one short line."""
    if value is ABSENT or isinstance(value, str):
        text = str(value)
    else:
        text = json.dumps(value, ensure_ascii=False)
    return cut(text, MAX_CHARACTERS)


def _compare_fields(
    before: Mapping[str, Any], after: Mapping[str, Any], path: Path
) -> Iterator[FieldChange]:
    for name in dict.fromkeys([*before, *after]):
        yield from compare_declarations(
            before.get(name, ABSENT), after.get(name, ABSENT), (*path, name)
        )


def _name_elements(before: Any, after: Any) -> Sequence[tuple[list[str], Sequence[Any]]] | None:
    """For both lists the names of their elements; None where they are not such lists."""
    sides = (before, after)
    if not all(isinstance(side, Sequence) and not isinstance(side, str) for side in sides):
        return None
    elements = [element for side in sides for element in side]
    if not elements or not all(isinstance(element, Mapping) for element in elements):
        return None
    for field in NAMED_BY:
        named = [[_format_element(field, element) for element in side] for side in sides]
        if all(None not in side and len(set(side)) == len(side) for side in named):
            return [
                ([str(name) for name in side], of) for side, of in zip(named, sides, strict=True)
            ]
    return [([f"[{number}]" for number in range(len(side))], side) for side in sides]


def _format_element(field: str, element: Mapping[str, Any]) -> str | None:
    if not isinstance(element.get(field), str):
        return None
    return str(element[field]) if field == "name" else f"[{element[field]}]"
