"""Questions to Parquet files where they lie.

The views of `ledgers` unite all artifacts; here single files of known artifacts are read, so that
only their needed columns are touched, and spans are joined by row numbers instead of long ids.
"""

import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import duckdb

from alignment_dagster.audit.ledgers import MEMORY, fetch_rows, unreadable

Connection: TypeAlias = duckdb.DuckDBPyConnection
Row = dict[str, Any]


@contextmanager
def connect_memory() -> Iterator[Connection]:
    """A DuckDB in memory that holds nothing yet; what does not fit goes to a temporary folder.

    Raises:
        ArtifactError: if a file is missing, or is no longer what it was written as.
    """
    aside = Path(tempfile.gettempdir()) / f"alignment-audit-{uuid.uuid4().hex[:12]}"
    config = {"memory_limit": MEMORY, "temp_directory": str(aside)}
    with duckdb.connect(":memory:", config=config) as connection:
        try:
            yield connection
        except duckdb.Error as error:
            raise unreadable(error) from None


def fetch_row(connection: Connection, sql: str, *values: Any) -> Row:
    """The only row of a query."""
    return fetch_rows(connection, sql, *values)[0]
