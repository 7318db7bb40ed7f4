"""The ledgers are what docs/ledgers.md says, and their files may not be what they were."""

import re
from pathlib import Path

import duckdb
import pytest

from alignment_dagster.audit.ledgers import (
    EMPTY,
    VIEWS,
    connect,
    fetch_rows,
    quote_literal,
    recipe_and_seed,
)
from alignment_dagster.audit.open_report import OpenedReport
from alignment_dagster.audit.record_tables import SCHEMAS
from alignment_dagster.audit.sql_session import Session
from alignment_dagster.foundation.errors import ArtifactError
from alignment_dagster.lineage.archive import Archive
from tests.support import record_lake
from tests.support.audited_study import Audited
from tests.support.checkout import CHECKOUT

PAGE = (CHECKOUT / "docs" / "ledgers.md").read_text(encoding="utf-8")
NOT_DECLARED = {
    *(
        "quarantine",
        "written",
        "prompts",
        "examples",
        "thresholds",
        "near_duplicates",
        "probes",
        "redactions",
        "insertions",
        "rollouts",
        "drift",
        "new_terms",
        "regressions",
        "flips",
    ),
}
"""What the study that was run does not ask for."""
QUERIES = re.findall(r"```sql\n(.*?)```", PAGE, re.DOTALL)


def described() -> dict[str, list[tuple[str, str]]]:
    """Ledger → columns with types, as the page has them."""
    sections = re.split(r"^### ", PAGE, flags=re.MULTILINE)[1:]
    return {
        section.split("\n", 1)[0]: re.findall(r"^\| `(\w+)` \| ([^|]+) \|", section, re.MULTILINE)
        for section in sections
    }


def columns(connection: duckdb.DuckDBPyConnection) -> dict[str, list[tuple[str, str]]]:
    """Ledger → columns with types, as DuckDB has them."""
    found: dict[str, list[tuple[str, str]]] = {}
    for row in fetch_rows(connection, "select * from duckdb_columns() where not internal"):
        found.setdefault(row["table_name"], []).append((row["column_name"], row["data_type"]))
    return found


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    lake = record_lake.make(tmp_path)
    record_lake.raw_corpus(lake, "one", record_lake.HOSTILE)
    return Archive(lake, record_lake.STUDY)


def test_the_page_describes_exactly_the_columns_of_ledgers_that_nothing_fills(
    archive: Archive,
) -> None:
    with connect(archive, []) as connection:
        assert columns(connection) == described()
    assert set(described()) == {*VIEWS, *EMPTY, *SCHEMAS}


def test_every_ledger_has_a_line_that_says_what_a_row_is() -> None:
    for section in re.split(r"^### ", PAGE, flags=re.MULTILINE)[1:]:
        name, _, line, *_ = section.split("\n")
        assert re.match(r"(A|An|The|One|What) .+\.$", line), name


@pytest.mark.slow
def test_the_page_describes_exactly_the_columns_of_a_study_that_was_run(
    opened: OpenedReport,
) -> None:
    found = columns(opened.ledgers)
    assert {name: sorted(one) for name, one in found.items()} == {
        name: sorted(one) for name, one in described().items()
    }
    for name in found.keys() - NOT_DECLARED:
        assert fetch_rows(opened.ledgers, f"select count(*) as n from {name}")[0]["n"], name


@pytest.mark.slow
@pytest.mark.parametrize("query", QUERIES)
def test_the_pages_queries_run_and_find_something(audited: Audited, query: str) -> None:
    archive = audited.archive
    with Session(archive, archive.ancestors([archive.report()])) as session:
        (found,) = session.run(query)
    assert found.rows


@pytest.mark.slow
def test_tokens_read_before_the_end_are_those_of_the_whole_mix(opened: OpenedReport) -> None:
    (query, *_) = QUERIES
    everything = query.replace("step < 100", "step < 1000000").replace("limit 10;", "")
    read = {
        row["document_id"]: row["tokens_read"] for row in fetch_rows(opened.ledgers, everything)
    }
    packed = fetch_rows(
        opened.ledgers, "from mixes where recipe = 'unfiltered' and packed_tokens > 0"
    )
    assert read == {row["document_id"]: row["packed_tokens"] for row in packed}


def test_there_are_three_queries() -> None:
    assert len(QUERIES) == 3


def test_hostile_text_is_a_value_and_never_sql(archive: Archive) -> None:
    with connect(archive, archive.all()) as connection:
        text = record_lake.HOSTILE
        assert fetch_rows(connection, "select line from texts where text = ?", text) == [
            {"line": 2}
        ]
        quoted = f"select line from texts where text = {quote_literal(text)}"
        assert fetch_rows(connection, quoted) == [{"line": 2}]
        assert fetch_rows(connection, "select count(*) as n from artifacts") == [{"n": 1}]


def test_a_file_that_was_collected_as_garbage_is_one_clear_message(archive: Archive) -> None:
    (artifact,) = archive.all()
    (artifact.path / "documents" / "00000.parquet").unlink()
    with pytest.raises(ArtifactError, match=r"the ledgers cannot be read: .*00000\.parquet"):
        connect(archive, archive.all())


@pytest.mark.parametrize("content", [b"", b"not Parquet", b"PAR1 and no more PAR1"])
def test_a_file_that_is_no_parquet_is_one_clear_message(archive: Archive, content: bytes) -> None:
    (artifact,) = archive.all()
    (artifact.path / "documents" / "00000.parquet").write_bytes(content)
    with pytest.raises(ArtifactError, match="the ledgers cannot be read") as damaged:
        connect(archive, archive.all())
    assert "\n" not in str(damaged.value)


def test_a_file_damaged_while_it_is_open_is_one_clear_message(archive: Archive) -> None:
    (artifact,) = archive.all()
    with connect(archive, [artifact]) as connection:
        (artifact.path / "documents" / "00000.parquet").unlink()
        with pytest.raises(ArtifactError, match="the ledgers cannot be read"):
            fetch_rows(connection, "select text from texts")


@pytest.mark.parametrize(
    ("partition", "parts"),
    [("a|3", ("a", 3)), ("a", ("a", None)), (None, (None, None))],
)
def test_a_partition_is_a_recipe_and_a_seed(
    partition: str | None, parts: tuple[str | None, int | None]
) -> None:
    assert recipe_and_seed(partition) == parts
