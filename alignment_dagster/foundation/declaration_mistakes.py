"""What is said of a wrong value in a declaration: in our words, with what could stand there."""

import difflib
import reprlib
from collections.abc import Iterable, Mapping, Sequence
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel

NAME_PATTERN = r"^[a-z][a-z0-9_]*$"
NAME_WORDS = "must be lower-case letters, digits and underscores, and begin with a letter"
SHOWN = reprlib.Repr()
"""Shortens a wrong value that a message repeats."""
SHOWN.maxstring = SHOWN.maxother = 200
LONGEST_NAME = 60
"""Characters of a wrong name that is compared with the known ones."""
WORDS: Mapping[str, str] = {
    "model_type": "must hold fields (`name: value`)",
    "model_attributes_type": "must hold fields (`name: value`)",
    "dict_type": "must hold fields (`name: value`)",
    "tuple_type": "must be a list",
    "bool_type": "must be true or false",
    "int_type": "must be an integer",
    "float_type": "must be a number",
    "string_type": "must be a text",
}
"""Pydantic's type of error → what is said of it."""


def suggest_name(name: str, known: Iterable[str]) -> str:
    """What the end of a message about an unknown name says: a close one, or all there are."""
    known = list(known)
    return _near(name, known) or f" (declared: {', '.join(known) or 'none'})"


def describe_mistake(
    item: Mapping[str, Any], model: type[BaseModel]
) -> tuple[tuple[str | int, ...], str]:
    """Where a mistake is, in pydantic's words for places, and what it is, in ours.

    Args:
        item: one of `ValidationError.errors()`.
        model: what the whole declaration was read as.
    """
    at: tuple[str | int, ...] = item["loc"]
    found, kind, context = item["input"], item["type"], item.get("ctx", {})
    if kind == "extra_forbidden":
        return at, "unknown field" + _known(str(at[-1]), _fields(_reached(model, at[:-1])))
    if kind == "missing":
        return at, "this field is required"
    if kind == "union_tag_not_found":
        return (*at, "kind"), "this field is required" + _known("", _tags(_reached(model, at)))
    if kind == "union_tag_invalid":
        return (*at, "kind"), _unknown("kind", context["tag"], _tags(_reached(model, at)))
    if kind == "literal_error":
        what = at[-1] if isinstance(at[-1], str) else "value"
        return at, _unknown(what, found, [str(one) for one in _values(_reached(model, at))])
    if kind == "string_pattern_mismatch" and context["pattern"] == NAME_PATTERN:
        message = NAME_WORDS
    else:
        message = item["msg"].removeprefix("Value error, ").replace("Input should be", "must be")
        message = WORDS.get(kind, message)
    return at, f"{message} (got {SHOWN.repr(found)})"


def _unknown(what: str, found: object, known: Sequence[str]) -> str:
    if isinstance(found, str):
        return f"unknown {what} {SHOWN.repr(found)}{_known(found, known)}"
    return f"must be one of {', '.join(known)} (got {SHOWN.repr(found)})"


def _known(name: str, known: Sequence[str]) -> str:
    return f"{_near(name, known)} (known: {', '.join(known)})" if known else ""


def _near(name: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(name[:LONGEST_NAME], known, n=1)
    return f"; did you mean {close[0]!r}?" if close else ""


def _reached(kind: Any, location: Iterable[str | int]) -> Any:
    """The type that is declared at a place."""
    for part in location:
        members = _union_members(kind)
        if len(members) > 1:
            kind = next((one for one in members if part in _tags(one)), None)
        elif _is_model(members[0]):
            field = members[0].model_fields.get(part)
            kind = field.annotation if field is not None else None
        else:
            kind = next(iter(get_args(members[0])), None)
    return kind


def _union_members(kind: Any) -> tuple[Any, ...]:
    """What a type can be, without `None` and annotations; of no union the type itself."""
    if get_origin(kind) is Annotated:
        return _union_members(get_args(kind)[0])
    if get_origin(kind) in (Union, UnionType):
        return tuple(
            found
            for one in get_args(kind)
            if one is not type(None)
            for found in _union_members(one)
        )
    return (kind,)


def _is_model(kind: Any) -> bool:
    """Whether a type holds fields of its own."""
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def _fields(kind: Any) -> list[str]:
    return [name for one in _union_members(kind) if _is_model(one) for name in one.model_fields]


def _tags(kind: Any) -> list[str]:
    """The kinds that tell the members of a union apart."""
    models = [one for one in _union_members(kind) if _is_model(one) and "kind" in one.model_fields]
    return [tag for one in models for tag in _values(one.model_fields["kind"].annotation)]


def _values(kind: Any) -> list[Any]:
    """What a value can be that is one of a few."""
    members = [one for one in _union_members(kind) if get_origin(one) is Literal]
    return [value for one in members for value in get_args(one)]
