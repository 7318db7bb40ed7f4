"""The SQL session reads the study's ledgers, and neither writes nor reads anything else."""

import json
import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from alignment_dagster.audit.sql_session import Session, write_ledgers
from alignment_dagster.cli.audit import prompt
from alignment_dagster.foundation.errors import AlignmentError
from alignment_dagster.lineage.archive import Archive
from tests.support import record_lake

ALIGNMENT = str(Path(sys.executable).parent / "alignment")


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    lake = record_lake.make(tmp_path)
    corpus = record_lake.raw_corpus(lake, "one", record_lake.HOSTILE)
    record_lake.publish(lake, "tokenizer", None, parents=[corpus])
    record_lake.publish(lake, "tokenizer", None, study="other")
    return Archive(lake, record_lake.STUDY)


@pytest.fixture
def session(archive: Archive) -> Iterator[Session]:
    with Session(archive, archive.all()) as opened:
        yield opened


def rows(session: Session, sql: str) -> list[tuple[object, ...]]:
    (found,) = session.run(sql)
    return found.rows


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("select count(*) from texts", [(2,)]),
        ("from artifacts select asset order by all", [("raw_corpus",), ("tokenizer",)]),
        ("with one as (select 1 as a) select a from one", [(1,)]),
        ("values (1), (2)", [(1,), (2,)]),
        ("select 'a;b' -- and a comment", [("a;b",)]),
        ("select count(parent) from parents where part is null", [(1,)]),
        ("pivot checks on passed in (true) using count(*) group by name", [("not_empty", 2)]),
    ],
)
def test_what_reads_is_run(session: Session, sql: str, expected: list[object]) -> None:
    assert rows(session, sql) == expected


@pytest.mark.parametrize("sql", ["describe texts", "show tables", "summarize runs"])
def test_ledgers_can_be_described(session: Session, sql: str) -> None:
    (found,) = session.run(sql)
    assert found.rows


@pytest.mark.parametrize(
    "sql",
    [
        "copy artifacts to '{lake}/out.csv'",
        "copy artifacts to '{lake}/out.parquet' (format parquet)",
        "with x as (copy artifacts to '{lake}/out.csv') select 1",
        "with x as materialized (copy artifacts to '{lake}/out.csv' (return_files)) from x",
        "select * from (with x as (copy artifacts to '{lake}/out.csv') select 1)",
        "describe with x as (copy artifacts to '{lake}/out.csv') select 1",
        "explain analyze copy artifacts to '{lake}/out.csv'",
        "select 1; copy artifacts to '{lake}/out.csv'",
        "export database '{lake}/out'",
        "attach '{lake}/out.db'",
        "from query('copy artifacts to ''{lake}/out.csv''')",
        "prepare p as copy artifacts to '{lake}/out.csv'",
        "from enable_logging(storage = 'file', storage_path = '{lake}/log')",
        "create table more as select 1",
        "insert into artifacts (artifact) values ('forged')",
        "with x as (insert into artifacts (artifact) values ('forged') returning *) from x",
        "with x as (delete from checks returning *) from x",
        "update checks set passed = true",
        "drop table checks",
        "install httpfs",
        "load httpfs",
        "set enable_external_access = true",
        "set allowed_directories = ['/']",
        "reset lock_configuration",
        "pragma enable_profiling",
        "call force_checkpoint()",
        "begin transaction",
        "vacuum",
    ],
)
def test_what_writes_or_leaves_the_lake_is_refused(
    archive: Archive, session: Session, sql: str
) -> None:
    before = contents(archive.lake.root)
    ledgers = [rows(session, f"from {name}") for name in ("artifacts", "checks")]
    with pytest.raises(AlignmentError) as refused:
        list(session.run(sql.format(lake=archive.lake.root / record_lake.STUDY)))
    assert "\n" not in str(refused.value)
    assert contents(archive.lake.root) == before
    after = [rows(session, f"from {name}") for name in ("artifacts", "checks")]
    assert after == ledgers


@pytest.mark.parametrize(
    "sql",
    [
        "select * from read_csv('{outside}')",
        "select * from read_text('{outside}')",
        "select * from read_blob('{outside}')",
        "select * from '{outside}'",
        "select * from read_csv('{lake}/../../../secret.csv')",
        "select * from read_csv('{lake}/../other/*/*/*/manifest.json')",
        "select * from glob('{folder}/*')",
        "select * from sniff_csv('{outside}')",
        "select * from parquet_metadata('{outside}')",
        "select * from read_csv('http://127.0.0.1:9/x.csv')",
        "select * from which_secret('a', 's3')",
        "select * from Secret",
    ],
)
def test_a_file_outside_the_studys_lake_cannot_be_read(
    archive: Archive, session: Session, tmp_path: Path, sql: str
) -> None:
    outside = tmp_path / "secret.csv"
    outside.write_text("secret\n42\n")
    Secret = duckdb.sql("select 42 as secret")  # noqa: F841
    lake = archive.lake.root / record_lake.STUDY
    with pytest.raises(AlignmentError) as refused:
        list(session.run(sql.format(outside=outside, lake=lake, folder=tmp_path)))
    assert "42" not in str(refused.value)


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("copy artifacts to '/tmp/x.csv'", "COPY is refused: this session only reads"),
        ("create view more as select 1", "CREATE is refused: this session only reads"),
        ("explain select 1", "EXPLAIN is refused: this session only reads"),
        ("with x as (copy checks to '/tmp/x.csv') select 1", "a WITH that writes is refused"),
        ("with x as (delete from checks) select 1", "a WITH that writes is refused"),
    ],
)
def test_a_refusal_says_what_is_refused_and_what_is_let_through(
    session: Session, sql: str, said: str
) -> None:
    with pytest.raises(AlignmentError, match=said):
        list(session.run(sql))


def test_the_transaction_itself_lets_no_ledger_be_changed(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Session, "_require_read_only", lambda *_: None)
    with pytest.raises(AlignmentError, match="read-only mode"):
        list(session.run("with x as (delete from checks returning *) from x"))
    assert rows(session, "select count(*) from checks") == [(2,)]


def test_the_studys_own_files_can_be_read(archive: Archive, session: Session) -> None:
    path = archive.lake.root / record_lake.STUDY / "journal.jsonl"
    (found,) = session.run(f"select count(*) from read_json('{path}')")
    assert found.rows == [(2,)]


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("selec 1", 'syntax error at or near "selec"'),
        ("select nope from texts", "nope"),
        ("select cast(text as integer) from texts", "Could not convert string"),
        ("select $1", "parameters"),
        ("select '", "unterminated"),
        ("from documnets", "documents"),
    ],
)
def test_broken_sql_gives_duckdbs_message_in_one_line(
    session: Session, sql: str, message: str
) -> None:
    with pytest.raises(AlignmentError, match=message) as broken:
        list(session.run(sql))
    assert "\n" not in str(broken.value)
    assert rows(session, "select 1") == [(1,)]


def test_a_message_that_holds_a_document_is_harmless(session: Session) -> None:
    with pytest.raises(AlignmentError) as broken:
        list(session.run("select cast(text as integer) from texts where position = 1"))
    assert "\x1b" not in str(broken.value)
    assert "[U+001B]" in str(broken.value)


def test_columns_of_one_name_are_told_apart(session: Session) -> None:
    (found,) = session.run("select 1 as a, 2 as a, 3 as a_1")
    assert found.columns == ("a", "a_1", "a_1_1")


def test_the_written_views_open_in_a_plain_duckdb(archive: Archive, tmp_path: Path) -> None:
    folder = tmp_path / "it's new"
    write_ledgers(archive, archive.all(), folder)
    fresh = duckdb.connect(":memory:")
    fresh.execute((folder / "views.sql").read_text())
    with Session(archive, archive.all()) as session:
        tables = [name for (name,) in rows(session, "show tables")]
        assert len(tables) == 33
        for name in tables:
            query = f"from {name} order by all"
            assert fresh.execute(query).fetchall() == rows(session, query), name
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_an_existing_folder_is_not_written_to(archive: Archive, tmp_path: Path) -> None:
    with pytest.raises(AlignmentError, match="exists already"):
        write_ledgers(archive, archive.all(), tmp_path)
    with pytest.raises(AlignmentError, match="cannot be written"):
        write_ledgers(archive, archive.all(), tmp_path / "absent" / "new")


def command(
    archive: Archive, *arguments: str, text: str = ""
) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [ALIGNMENT, "audit", "sql", record_lake.STUDY, "--all", *arguments],
        env={**os.environ, "ALIGNMENT_HOME": str(archive.lake.root.parent)},
        input=text,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_statements_are_read_from_standard_input(archive: Archive) -> None:
    done = command(archive, text="select text from texts order by position; select 7 as seven;")
    assert done.returncode == 0, done.stderr
    assert "[U+001B]" in done.stdout
    assert "seven" in done.stdout
    assert "\x1b" not in done.stdout


def test_json_holds_whole_values(archive: Archive) -> None:
    sql = "select text, repeated_at, 1.5::decimal(4, 2) as d, 'nan'::double as n from texts"
    done = command(archive, "-c", f"{sql} order by position", "--json")
    rows = json.loads(done.stdout)["rows"]
    assert rows[1] == {"text": record_lake.HOSTILE, "repeated_at": [], "d": 1.5, "n": None}


def test_a_mistake_is_one_line_and_exit_code_2(archive: Archive) -> None:
    done = command(archive, "-c", "selec")
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1
    assert "Traceback" not in done.stderr


def test_the_prompt_takes_statements_of_many_lines_until_quit(archive: Archive) -> None:
    main, side = pty.openpty()
    process = subprocess.Popen(
        [ALIGNMENT, "audit", "sql", record_lake.STUDY, "--all"],
        env={**os.environ, "ALIGNMENT_HOME": str(archive.lake.root.parent), "TERM": "dumb"},
        stdin=side,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    os.close(side)
    os.write(main, b".tables\nselect 40\n+ 2 as sum;\nselec;\n.nothing\n.quit\n")
    out, error = process.communicate(timeout=60)
    os.close(main)
    assert process.returncode == 0, error
    assert "dispositions" in out
    assert "42" in out
    assert "syntax error" in out
    assert ".nothing: unknown" in out
    assert "Traceback" not in out + error


def test_a_long_text_is_cut_in_the_terminal_and_whole_in_the_data(session: Session) -> None:
    (found,) = session.run("select repeat('x', 1000) as long from range(300)")
    answer = prompt.as_answer(found)
    (table,) = answer.blocks
    assert len(str(table.rows[0][0])) < 400
    assert (len(table.rows), table.left_out) == (200, 100)
    assert len(answer.data["rows"]) == 300
    assert answer.data["rows"][0]["long"] == "x" * 1000
