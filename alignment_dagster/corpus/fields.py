"""The fields of a row: what stands in each, or why that cannot be used."""

from collections.abc import Mapping
from datetime import date, time
from decimal import Decimal
from typing import Any

from alignment_dagster.corpus.rows import Metadata, RowFault
from alignment_dagster.foundation.json_objects import kind_of
from alignment_dagster.study import FieldMap

Fields = Mapping[str, Any]
MISSING = object()


def read_label(fields: Fields, name: str) -> str:
    """An identity or a label: a text or a whole number, as text.

    Raises:
        RowFault: names the field.
    """
    value = read_value(fields, name)
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise RowFault(f"{name}: expected text or a whole number, got {kind_of(value)}")
    return require_encodable(name, str(value))


def read_metadata(fields: Fields, reader: FieldMap) -> Metadata:
    """The values of the declared metadata columns, and the label.

    Raises:
        RowFault: names the column whose value is a list, an object or bytes.
    """
    found: dict[str, str | int | float | bool | None] = {}
    for name in reader.metadata:
        value = find_value(fields, name)
        if value is MISSING or value is None:
            found[name] = None
        elif isinstance(value, str):
            found[name] = require_encodable(name, value)
        elif isinstance(value, int | float):
            found[name] = value
        elif isinstance(value, date | time):
            found[name] = value.isoformat()
        elif isinstance(value, Decimal):
            found[name] = str(value)
        else:
            kind = kind_of(value) if isinstance(value, dict | list) else type(value).__name__
            raise RowFault(f"{name}: expected text, a number or a truth value, got {kind}")
    if reader.label is not None:
        found["label"] = read_label(fields, reader.label)
    return found


def read_value(fields: Fields, name: str) -> Any:
    """What stands in a field that a row must have.

    Raises:
        RowFault: if it has none such.
    """
    value = find_value(fields, name)
    if value is MISSING:
        raise RowFault(f"{name}: this field is missing")
    return value


def find_value(fields: Fields, name: str) -> Any:
    """The field of that name, or what a dotted path leads to."""
    if name in fields:
        return fields[name]
    found: Any = fields
    for part in name.split("."):
        if not isinstance(found, Mapping) or part not in found:
            return MISSING
        found = found[part]
    return found


def read_text(fields: Fields, name: str) -> str:
    """The text in a field.

    Raises:
        RowFault: names the field that is missing or holds something else.
    """
    value = read_value(fields, name)
    if not isinstance(value, str):
        raise RowFault(f"{name}: expected text, got {kind_of(value)}")
    return require_encodable(name, value)


def require_encodable(name: str, value: str) -> str:
    """The text, all of whose characters can be written in UTF-8.

    Raises:
        RowFault: names the field, and the first one that cannot.
    """
    if value.isascii():
        return value
    try:
        value.encode("utf-8")
    except UnicodeEncodeError as error:
        code = f"\\u{ord(value[error.start]):04x}"
        raise RowFault(f"{name}: a lone surrogate ({code}) is not a character") from None
    return value
