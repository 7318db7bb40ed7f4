"""One JSON object a text, as foreign files hold them: what is wrong with it is one line."""

import json
import re
from typing import Any

import orjson

KINDS = {dict: "an object", list: "a list", str: "text", bool: "a truth value"}


class JsonFault(Exception):
    """A text that is no JSON object, or says a thing twice; the message says why."""


def parse_json(text: str) -> Any:
    """The value of a JSON text.

    Raises:
        JsonFault: if it is not JSON, is nested too deeply, holds a number of thousands of digits,
            or gives a field of an object twice: nothing says which of the two is meant.
    """
    try:
        return json.loads(text, object_pairs_hook=_without_repeats)
    except json.JSONDecodeError as error:
        raise JsonFault(f"not JSON: {error.msg} (column {error.colno})") from None
    except RecursionError:
        raise JsonFault("not JSON: nested too deeply") from None
    except ValueError as error:
        raise JsonFault(f"not usable JSON: {error}") from None


def parse_object(text: str) -> dict[str, Any]:
    """The fields of a JSON object.

    Raises:
        JsonFault: as `parse_json`, or if it is something else than an object.
    """
    value = parse_json(text)
    if not isinstance(value, dict):
        raise JsonFault(f"expected a JSON object, got {kind_of(value)}")
    return value


def parse_line(line: bytes) -> dict[str, Any]:
    """The fields of a JSON object in UTF-8: what `parse_object` says of it, several times faster.

    Raises:
        JsonFault: as `parse_object`.
        UnicodeDecodeError: if it is not UTF-8.
    """
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError:
        return parse_object(line.decode("utf-8"))
    # The fast parser keeps the last of repeated fields, and makes large numbers inexact: as many
    # names as fields, and no such number, and both parsers say the same.
    if isinstance(value, dict) and _count_fields(value) == len(NAME.findall(line)):
        return value
    return parse_object(line.decode("utf-8"))


NAME = re.compile(rb'"[ \t\r\n]*:')
"""The end of a field's name; also of what looks like one within a text."""
EXACT = 2.0**63


def _count_fields(value: Any) -> int:
    """Fields of all objects in a value; -1 or less where a number is not surely exact."""
    if isinstance(value, dict):
        return len(value) + sum(map(_count_fields, value.values()))
    if isinstance(value, list):
        return sum(map(_count_fields, value))
    return -(2**62) if isinstance(value, float) and abs(value) >= EXACT else 0


def kind_of(value: Any) -> str:
    """What a JSON value is, in words."""
    return "null" if value is None else KINDS.get(type(value), "a number")


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise JsonFault(f"{twice[:60]}: this field is given twice")
    return fields
