"""A SQL session over the ledgers that reads the lake, and can write nothing."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq

from alignment_dagster.audit import record_tables
from alignment_dagster.audit.ledgers import (
    build_selects,
    connect,
    flatten_message,
)
from alignment_dagster.foundation.atomic_files import atomic_folder
from alignment_dagster.foundation.errors import AlignmentError
from alignment_dagster.foundation.sql_literals import quote_literal
from alignment_dagster.lineage.archive import Archive
from alignment_dagster.lineage.lake import Artifact

READS_ONLY = "this session only reads: SELECT, WITH, FROM, VALUES, DESCRIBE, SHOW and SUMMARIZE"
VIEWS_FILE = "views.sql"


@dataclass(frozen=True)
class QueryResult:
    """The rows that a statement gave; columns of one name are told apart by a number."""

    sql: str
    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]


class Session:
    """Runs statements that read; reaches no file but those of the study in the lake."""

    def __init__(self, archive: Archive, artifacts: Sequence[Artifact]) -> None:
        """Create the ledgers over these artifacts, then lock the connection."""
        self.connection = connect(archive, artifacts)
        folder = quote_literal(str(archive.lake.root / archive.study))
        for setting in (
            f"allowed_directories = [{folder}]",
            "enable_external_access = false",
            "lock_configuration = true",
        ):
            self.connection.execute(f"set {setting}")

    def __enter__(self) -> "Session":
        return self

    def __exit__(self, *_: object) -> None:
        self.connection.close()

    def run(self, sql: str) -> Iterator[QueryResult]:
        """The rows of each statement, one after the other.

        Raises:
            AlignmentError: DuckDB's message in one line, or that a statement does more than read.
        """
        try:
            for statement in self.connection.extract_statements(sql):
                yield self._execute(statement)
        except duckdb.Error as error:
            raise AlignmentError(flatten_message(error)) from None

    def _execute(self, statement: duckdb.Statement) -> QueryResult:
        if statement.type != duckdb.StatementType.SELECT:
            raise AlignmentError(f"{statement.type.name} is refused: {READS_ONLY}")
        self.connection.execute("begin transaction read only")
        try:
            self._require_read_only(statement.query)
            found = self.connection.execute(statement)
            names = _number_duplicates([column[0] for column in found.description or ()])
            return QueryResult(statement.query.strip(), names, found.fetchall())
        finally:
            self.connection.execute("rollback")

    def _require_read_only(self, sql: str) -> None:
        """A SELECT may hold a COPY or an INSERT in its WITH clause, at the top level only.

        `query` puts it below the top level, where DuckDB itself refuses that; nothing is run.
        """
        try:
            self.connection.execute(f"explain select * from query({quote_literal(sql)})")
        except duckdb.BinderException as error:
            if "WITH clause containing" in str(error):
                raise AlignmentError(f"a WITH that writes is refused: {READS_ONLY}") from None
            raise


def write_ledgers(archive: Archive, artifacts: Sequence[Artifact], folder: Path) -> None:
    """Write `views.sql` and the record ledgers, with which a plain `duckdb` opens everything.

    Raises:
        AlignmentError: if the folder exists, or cannot be written.
    """
    folder = folder.resolve()
    if folder.exists():
        raise AlignmentError(f"{folder}: exists already; name a new folder")
    try:
        with atomic_folder(folder) as aside:
            views = build_selects(artifacts)
            for name, table in record_tables.build_record_tables(archive, artifacts).items():
                pq.write_table(table, aside / f"{name}.parquet")
                path = quote_literal(str(folder / f"{name}.parquet"))
                views[name] = f"select * from read_parquet({path})"
            text = "".join(f"create view {name} as {body};\n" for name, body in views.items())
            (aside / VIEWS_FILE).write_text(text, encoding="utf-8")
    except OSError as error:
        raise AlignmentError(f"{folder}: cannot be written ({error.strerror})") from None


def _number_duplicates(names: Sequence[str]) -> tuple[str, ...]:
    """Names of columns, those that come again with `_1`, `_2` and so on."""
    found: list[str] = []
    for name in names:
        candidate, number = name, 0
        while candidate in found:
            number += 1
            candidate = f"{name}_{number}"
        found.append(candidate)
    return tuple(found)
