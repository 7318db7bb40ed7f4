"""Asking a SQL session at a terminal: statements until `;`, tables as answers."""

import contextlib
import json
import math
from decimal import Decimal
from typing import Any

from alignment_dagster.audit.answer import Answer, Table
from alignment_dagster.audit.ledgers import EMPTY
from alignment_dagster.audit.record_tables import SCHEMAS
from alignment_dagster.audit.sql_session import QueryResult, Session
from alignment_dagster.cli.answer_terminal import show
from alignment_dagster.foundation.errors import AlignmentError
from alignment_dagster.foundation.visible_text import visible

FIRST, NEXT = "sql> ", "...> "
GREETING = "Statements end with ;   .tables lists the ledgers, .quit (or Ctrl-D) leaves."
SHOWN_ROWS = 200
SHOWN_CHARACTERS = 300
Cell = str | int | float | None


def answer(session: Session, sql: str, *, as_json: bool) -> None:
    """Run statements and show what each gives.

    Raises:
        AlignmentError: at the first statement that cannot be run.
    """
    for found in session.run(sql):
        show(as_answer(found), as_json=as_json)


def converse(session: Session, *, as_json: bool) -> None:
    """A prompt until `.quit` or the end of the input; a mistake is said, and the prompt goes on."""
    with contextlib.suppress(ImportError):
        import readline  # noqa: F401  (gives `input` its line editing and history)
    print(GREETING)
    while (statement := _statement()) is not None:
        try:
            if statement == ".tables":
                show(ledgers(), as_json=as_json)
            elif statement.startswith("."):
                print(f"{visible(statement)}: unknown; there are .tables and .quit")
            else:
                answer(session, statement, as_json=as_json)
        except AlignmentError as error:
            print(error)


def _statement() -> str | None:
    """Lines up to one that ends with `;`, or one command; None to leave."""
    lines: list[str] = []
    while True:
        try:
            lines.append(input(NEXT if lines else FIRST))
        except EOFError:
            return None
        whole = "\n".join(lines).strip()
        if whole == ".quit":
            return None
        if not whole:
            lines.clear()
        elif whole.endswith(";") or whole.startswith("."):
            return whole


def ledgers() -> Answer:
    """The names of the ledgers with their columns."""
    columns = {
        **{name: list(schema.names) for name, schema in SCHEMAS.items()},
        **{name: list(kinds) for name, kinds in EMPTY.items()},
    }
    table = Table("", ("ledger", "columns"), [(name, ", ".join(columns[name])) for name in columns])
    return Answer("Ledgers", ("docs/ledgers.md describes them.",), (table,), {"ledgers": columns})


def as_answer(found: QueryResult) -> Answer:
    """Rows as a table; the JSON has all of them, whole."""
    shown = [[_cell(value) for value in row] for row in found.rows[:SHOWN_ROWS]]
    table = Table("", found.columns, shown, max(0, len(found.rows) - SHOWN_ROWS))
    rows = [
        dict(zip(found.columns, (_plain(value) for value in row), strict=True))
        for row in found.rows
    ]
    data = {"sql": found.sql, "columns": list(found.columns), "rows": rows}
    count = f"{len(rows):,} row{'' if len(rows) == 1 else 's'}"
    return Answer(count, (), (table,), data)


def _cell(value: Any) -> Cell:
    """A value as the terminal shows it: all digits of a number, the beginning of a long text."""
    plain = _plain(value)
    if plain is None or (isinstance(plain, int) and not isinstance(plain, bool)):
        return plain
    text = plain if isinstance(plain, str) else json.dumps(plain, ensure_ascii=False)
    return text if len(text) <= SHOWN_CHARACTERS else text[:SHOWN_CHARACTERS] + " …"


def _plain(value: Any) -> Any:
    """A value of DuckDB as JSON has it; what JSON has no word for is null or its text."""
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float | Decimal):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value.hex() if isinstance(value, bytes) else str(value)
