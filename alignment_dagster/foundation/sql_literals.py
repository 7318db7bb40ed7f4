"""Values and files as SQL literals, where SQL takes no parameters: paths and names are data."""

from collections.abc import Iterable
from pathlib import Path


def quote_literal(value: str | int | None) -> str:
    """A value as a SQL literal."""
    if value is None:
        return "null"
    if isinstance(value, int):
        return str(value)
    return "'" + value.replace("'", "''") + "'"


def scan_parquet(paths: Iterable[Path], options: str = "") -> str:
    """A scan of Parquet files; `options` as DuckDB has them, each after a comma."""
    listed = ", ".join(quote_literal(str(path)) for path in paths)
    return f"read_parquet([{listed}]{options})"
