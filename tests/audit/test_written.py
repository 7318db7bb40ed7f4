"""What was written for a study leads to its prompt, its model and its original, and back."""

from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from alignment_dagster.audit.answer import Answer, Node
from alignment_dagster.audit.check.scope import Findings, Scope
from alignment_dagster.audit.check.written import check_written
from alignment_dagster.audit.diff.artifact_pairs import Pair
from alignment_dagster.audit.diff.written import find_written_change
from alignment_dagster.audit.impact.blast_radius import Impact, find_whole
from alignment_dagster.audit.impact.instructions import list_instructions
from alignment_dagster.audit.impact.withdrawn import Withdrawal, resolve_withdrawal
from alignment_dagster.audit.ledgers import connect, fetch_rows
from alignment_dagster.audit.pages.answer_page import render
from alignment_dagster.audit.trace.parquet import Connection, connect_memory
from alignment_dagster.audit.trace.written import find_written, follow_originals
from alignment_dagster.audit.trace.written_answer import writing_node
from alignment_dagster.foundation.errors import ArtifactError
from alignment_dagster.foundation.home import Home
from alignment_dagster.language_models.request import prompt_digest
from alignment_dagster.lineage.archive import Archive
from alignment_dagster.lineage.lake import Artifact
from alignment_dagster.release.dossier import rows
from alignment_dagster.study.synthesis import WRITTEN_COLUMNS
from tests.support import tiny_study, written_lake
from tests.support.record_lake import HOSTILE
from tests.support.tiny_study import TinyStudy, write_jsonl
from tests.support.written_lake import MODEL, REPORTED, SOURCES


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TinyStudy]:
    folder = tmp_path_factory.mktemp("written")
    made = tiny_study.create(folder)
    write_jsonl(
        made.data / "stories.jsonl", [{"text": f"{HOSTILE} {n}. It ends."} for n in range(6)]
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ALIGNMENT_DATA", str(made.data))
        yield made


@pytest.fixture(scope="module")
def archive(study: TinyStudy) -> Archive:
    return written_lake.make(study, study.assets.parent)


@pytest.fixture
def connection() -> Iterator[Connection]:
    with connect_memory() as found:
        yield found


def corpora(archive: Archive) -> dict[str, Artifact]:
    return {one.partition or "": one for one in archive.all()}


def ids(archive: Archive, source: str) -> list[str]:
    (path,) = (corpora(archive)[source].path / "documents").iterdir()
    return [str(one) for one in pq.read_table(path)["document_id"].to_pylist()]


def test_every_written_document_has_its_prompt_word_for_word(archive: Archive) -> None:
    shared = "artifact, source, prompt, form, template, template_version"
    sql = f"select * from written join prompts using ({shared})"
    with connect(archive, archive.all()) as ledgers:
        found = fetch_rows(ledgers, sql)
        assert fetch_rows(ledgers, "select count(*) as n from written")[0]["n"] == len(found)
        asked = fetch_rows(ledgers, "select * from written where source = 'retold'")
    assert {row["source"] for row in found} == {"written", "told", "retold"}
    assert all(prompt_digest(row["system"], row["text"]) == row["prompt"] for row in found)
    assert {(row["model"], row["reported_model"], row["price"]) for row in asked} == {
        (MODEL, REPORTED, 0.00024)
    }
    assert {row["original"] for row in asked} <= set(ids(archive, "stories"))


def test_a_rewritten_document_leads_to_its_original_and_a_read_one_to_nothing(
    archive: Archive, connection: Connection
) -> None:
    one = ids(archive, "retold")[0]
    first, second = follow_originals(connection, archive.all(), one)
    assert first["written"].keys() >= {*WRITTEN_COLUMNS, "system", "text"}
    assert second["document_id"] == first["written"]["original"]
    assert (second["raw"]["source"], second["written"]) == ("stories", None)
    assert follow_originals(connection, archive.all(), second["document_id"]) == []
    assert find_written(connection, [corpora(archive)["stories"]], [one]) == {}


def test_prompts_are_shown_whole_and_hostile_text_in_them_is_harmless(
    archive: Archive, connection: Connection
) -> None:
    one = ids(archive, "retold")[1]
    node = writing_node("small", follow_originals(connection, archive.all(), one))
    told = {child.text: child for child in node.children}
    assert node.detail == f"openai_compatible: {MODEL} (answered as {REPORTED})"
    assert told["used"].detail == "200 tokens asked, 20 tokens answered, price 0.00024"
    assert told["answered"].detail.startswith("2026-01-01T00:00:00+00:00, after 0.50 s; ended by")
    assert [child.text for child in told["prompt"].children] == ["system", "text"]
    assert HOSTILE in told["prompt"].children[1].detail
    assert "stories; stories.jsonl:2, to stand before byte" in _find(node, "rewritten").detail
    page = render(Answer("a document", [], [node], {}), trail=())
    assert "\x1b" not in page
    assert "<b>" not in page.split("a document", 1)[1]


def _find(node: Node, words: str) -> Node:
    return next(one for one in node.children if one.text.startswith(words))


def resolved(connection: Connection, archive: Archive, *names: str) -> Withdrawal:
    return resolve_withdrawal(connection, archive, names, None)


@pytest.mark.parametrize(
    ("name", "sources"),
    [
        ("prompt:rephrase_safe", {"retold": 2}),
        ("prompt:fiction", {"told": 2, "written": 8}),
        (f"model:{MODEL}", {"told": 4, "retold": 4}),
        (f"model:{REPORTED}", {"told": 4, "retold": 4}),
        ("generator:grammar", {"written": 12}),
    ],
)
def test_all_that_a_prompt_a_model_or_a_generator_wrote_is_withdrawn(
    archive: Archive, connection: Connection, name: str, sources: dict[str, int]
) -> None:
    found = resolved(connection, archive, name)
    counted = fetch_rows(
        connection, "select source, count(distinct document_id) as n from raw_rows group by 1"
    )
    assert {row["source"]: row["n"] for row in counted} == sources
    assert found.count == sum(sources.values())
    assert found.documents == found.sources == ()


def test_a_prompt_or_a_template_is_named_by_eight_digits(
    archive: Archive, connection: Connection
) -> None:
    written = find_written(connection, archive.all(), ids(archive, "retold"))
    one = next(iter(written.values()))
    assert resolved(connection, archive, f"prompt:{one['prompt'][:8]}").count == 1
    alike = [row for row in written.values() if row["template"] == one["template"]]
    assert resolved(connection, archive, f"prompt:{one['template'][:10]}").count == len(alike) == 2


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("prompt:rephrase_saf", r"by a prompt 'rephrase_saf' \(near: rephrase_safe"),
        ("prompt:0123456789ab", "no document was written from a prompt or template '0123456789ab'"),
        ("model:writer", r"by a model 'writer' \(near: writer-1, writer-1-0613"),
        ("generator:gramar", r"\(near: grammar"),
        ("prompt:'; drop table written; --", "no document was written"),
    ],
)
def test_what_wrote_nothing_is_refused_with_near_names(
    archive: Archive, connection: Connection, name: str, message: str
) -> None:
    with pytest.raises(ArtifactError, match=message):
        resolved(connection, archive, name)


def told(archive: Archive, connection: Connection, *names: str) -> str:
    """The instructions of a withdrawal, where nothing was made from the corpora yet."""
    gone = resolved(connection, archive, *names)
    found = fetch_rows(
        connection, "select document_id, source, path, line, repeated_at from raw_rows"
    )
    listed = [one for one in found if one["document_id"] in {*gone.documents, *gone.rewritten}]
    impact: Any = SimpleNamespace(
        study="small",
        report=SimpleNamespace(version="1"),
        corpus=archive.all(),
        withdrawn=gone,
        whole=find_whole(archive.all(), gone),
        raw=SimpleNamespace(files=found, documents=listed),
    )
    return "\n".join(list_instructions(cast(Impact, impact)))


def test_what_was_rewritten_goes_with_its_original(
    archive: Archive, connection: Connection
) -> None:
    original = ids(archive, "stories")[1]
    found = resolved(connection, archive, original)
    assert (found.documents, found.count) == ((original,), 2)
    assert list(found.rewritten.values()) == [original]
    assert set(found.rewritten) <= set(ids(archive, "retold"))
    said = told(archive, connection, original)
    assert "remove stories.jsonl:2 (stories)" in said
    assert "(1 document of retold go by themselves: they were rewritten from what goes)" in said
    assert "synthetic:" not in said


def test_a_source_that_rewrites_a_withdrawn_one_goes_whole(
    archive: Archive, connection: Connection
) -> None:
    found = resolved(connection, archive, "source:stories")
    assert set(found.rewritten) == set(ids(archive, "retold"))
    assert find_whole(archive.all(), found) == {"stories": "", "retold": "stories"}
    said = told(archive, connection, "source:stories")
    assert "take source retold out of `sources` in the declaration of study small: it rewr" in said
    assert "go by themselves" not in said


def test_a_person_is_told_which_prompt_or_model_to_change(
    archive: Archive, connection: Connection
) -> None:
    said = told(archive, connection, "prompt:fiction")
    assert (
        "correct assets/prompts/fiction.yaml and raise its `version`, or take fiction out" in said
    )
    assert "take fiction out of `reader.forms` of source written" in said.splitlines()
    said = told(archive, connection, f"model:{MODEL}", "generator:grammar")
    assert "name another model in `reader.generator` of source retold" in said
    assert "of source told" in told(archive, connection, f"model:{REPORTED}")
    assert "choose another `reader.generator` for source written" in said


Change = Callable[[Path], None]


def edit(name: str, change: Callable[[pa.Table], pa.Table]) -> Change:
    """Changes a table of a raw corpus before it is published: its digests are then in order."""

    def run(folder: Path) -> None:
        path = folder / name / "00000.parquet"
        pq.write_table(change(pq.read_table(path)), path)

    return run


def _other(column: str) -> Callable[[pa.Table], pa.Table]:
    """Of the first row that has that column of metadata, another value."""

    def run(table: pa.Table) -> pa.Table:
        found = table.to_pylist()
        next(row for row in found if row["column"] == column)["text"] = "0" * 64
        return pa.Table.from_pylist(found, schema=table.schema)

    return run


def _other_text(table: pa.Table) -> pa.Table:
    column = table.schema.get_field_index("text")
    return table.set_column(
        column, table.field(column), [[f"{one}." for one in table["text"].to_pylist()]]
    )


CHANGES = {
    "": None,
    "its prompt 000": edit("metadata", _other("prompt")),
    "no document was written from 1 of": edit("metadata", _other("prompt")),
    "its text is not the one that its digest is of": edit("prompts", _other_text),
    f"its original {'0' * 64} is no document of stories": edit("metadata", _other("original")),
    "1 raw documents are not in it": edit(
        "metadata",
        lambda table: table.filter(
            pc.or_(
                pc.not_equal(table["column"], "prompt"),
                pc.not_equal(table["document_id"], table["document_id"][0]),
            )
        ),
    ),
}


@pytest.mark.parametrize("message", CHANGES)
def test_a_wrong_link_is_a_gap_of_the_check(study: TinyStudy, tmp_path: Path, message: str) -> None:
    lake = written_lake.record_lake.make(tmp_path)
    for name in SOURCES:
        change = CHANGES[message] if name == "retold" else None
        written_lake.publish(lake, study.load(), name, change)
    archive, found = Archive(lake, written_lake.record_lake.STUDY), Findings()
    artifacts = {one.key: one for one in archive.all()}
    check_written(Scope(archive, Home(tmp_path / "home"), artifacts, artifacts, found, {}))
    said = "\n".join(f"{gap.subject}: {gap.message}" for gap in found.gaps)
    assert message in said
    assert bool(message) == bool(said)
    assert not found.notes


def test_an_original_of_a_version_that_is_gone_is_a_note(archive: Archive, tmp_path: Path) -> None:
    found = Findings()
    artifacts = {one.key: one for one in archive.all() if one.partition != "stories"}
    check_written(Scope(archive, Home(tmp_path), artifacts, artifacts, found, {}))
    assert not found.gaps
    (note,) = found.notes
    assert "4 of its originals are in no version of stories" in note


def test_a_dossier_holds_no_text_that_it_leaves_out_elsewhere(archive: Archive) -> None:
    with connect(archive, archive.all()) as ledgers:
        for texts, redacted, left_out in (
            (False, (), {"retold"}),
            (True, (), set()),
            (True, ("stories",), {"retold"}),
        ):
            found = list(rows.prompts(ledgers, archive.all(), texts, redacted))
            assert {row["source"] for row in found if row["text"] is None} == left_out
            assert {row["source"] for row in found} == {"written", "told", "retold"}


def test_a_diff_names_the_template_and_the_model_that_changed(
    study: TinyStudy, archive: Archive, tmp_path: Path
) -> None:
    lake = written_lake.record_lake.make(tmp_path)

    def update(table: pa.Table) -> pa.Table:
        found = table.to_pylist()
        for row in found:
            row["template_version"] = "2+1" if row["form"] == "fiction" else row["template_version"]
            row["template"] = "f" * 64 if row["form"] == "fiction" else row["template"]
        return pa.Table.from_pylist(found, schema=table.schema)

    before = corpora(archive)["told"]
    after = written_lake.publish(lake, study.load(), "told", edit("prompts", update))
    change = find_written_change(Pair(before.key, before, after))
    assert change is not None
    assert change[0].startswith("fiction 1+1 (")
    assert change[1] == "fiction 2+1 (ffffffff)"
    other = written_lake.publish(
        lake, study.load(), "told", edit("metadata", _other("reported_model"))
    )
    change = find_written_change(Pair(before.key, before, other))
    assert change == (f"answered by {REPORTED}", f"answered by {'0' * 64} and {REPORTED}")
    assert find_written_change(Pair(before.key, before, before)) is None
    stories = corpora(archive)["stories"]
    assert find_written_change(Pair(stories.key, stories, stories)) is None
