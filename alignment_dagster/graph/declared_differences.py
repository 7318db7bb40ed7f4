"""The first field in which two declarations differ, for a message."""

from collections.abc import Mapping, Sequence
from typing import Any

from alignment_dagster.foundation.visible_text import cut

LONGEST = 60
"""Characters of a value in a message."""


def first_difference(then: Any, now: Any, path: str = "") -> str | None:
    """Where they differ, with both values; None where nothing does."""
    if isinstance(then, Mapping) and isinstance(now, Mapping):
        for key in (*then, *(key for key in now if key not in then)):
            at = f"{path}.{key}" if path else str(key)
            if key not in then or key not in now:
                return f"{at} was {'removed' if key in then else 'added'}"
            found = first_difference(then[key], now[key], at)
            if found:
                return found
        return None
    if isinstance(then, list | tuple) and isinstance(now, list | tuple):
        return _in_lists(then, now, path)
    if then == now:
        return None
    return f"{path} was {cut(repr(then), LONGEST)}, is {cut(repr(now), LONGEST)}"


def _in_lists(then: Sequence[Any], now: Sequence[Any], path: str) -> str | None:
    if _named(then) and _named(now):
        found = first_difference(_by_name(then), _by_name(now), path)
        if found is None and [one["name"] for one in then] != [one["name"] for one in now]:
            return f"{path} are in another order"
        return found
    if len(then) != len(now):
        return f"{path} had {len(then)} entries, has {len(now)}"
    for index, (one, other) in enumerate(zip(then, now, strict=True)):
        if found := first_difference(one, other, f"{path}[{index}]"):
            return found
    return None


def _named(values: Sequence[Any]) -> bool:
    return bool(values) and all(isinstance(one, Mapping) and "name" in one for one in values)


def _by_name(values: Sequence[Any]) -> dict[str, Any]:
    return {one["name"]: one for one in values}
