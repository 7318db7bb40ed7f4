"""`alignment synthetic`: coverage, and the way of a person's labels there and back."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from alignment_dagster.cli.main import app
from alignment_dagster.foundation.errors import DataError
from tests.support import covered_lake, tiny_study
from tests.support.covered_lake import SOURCES, CoveredLake
from tests.support.decided_lake import make as make_decided
from tests.support.tiny_study import NAME


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> CoveredLake:
    return covered_lake.make(tmp_path_factory.mktemp("lake"))


@pytest.fixture(autouse=True)
def at_home(made: CoveredLake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALIGNMENT_HOME", str(made.home.root))
    monkeypatch.setenv("ALIGNMENT_ASSETS", str(made.tiny.assets))
    monkeypatch.setenv("ALIGNMENT_DATA", str(made.tiny.data))


def said(*arguments: str) -> str:
    done = CliRunner().invoke(app, ["synthetic", *arguments], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def write(path: Path, *arguments: str) -> list[dict[str, str]]:
    said("label", NAME, "--write", str(path), *arguments)
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def read(path: Path, rows: list[dict[str, str]], delimiter: str = ",") -> dict[str, Any]:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]), delimiter=delimiter)
        writer.writeheader()
        writer.writerows(rows)
    found: dict[str, Any] = json.loads(said("label", NAME, "--read", str(path), "--json"))
    return found


def test_coverage_is_told_as_json_and_as_a_page_and_harmless_everywhere(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    told = json.loads(said("coverage", NAME, "--json", "--html", str(page)))
    assert {one["source"]: one["polarity"] for one in told["sources"]} == {
        name: reader["polarity"] for name, reader in SOURCES.items()
    }
    assert told["sources"][0]["languages"] == {"en": 24}
    assert len(told["gaps"]) == 1
    text = said("coverage", NAME)
    assert "bad: 3 of 8 scenarios have no document" in text
    assert "self-BLEU" in text
    assert "<script>" not in page.read_text()


def test_a_study_without_written_sources_has_nothing_to_cover(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, _ = make_decided(tmp_path)
    tiny = tiny_study.create(tmp_path / "other")
    monkeypatch.setenv("ALIGNMENT_HOME", str(home.root))
    monkeypatch.setenv("ALIGNMENT_ASSETS", str(tiny.assets))
    (home.lake / "small").rename(home.lake / NAME)
    assert "has no source that is written" in said("coverage", NAME)


def test_a_sample_is_of_every_polarity_and_form_and_tells_neither_source_nor_polarity(
    tmp_path: Path,
) -> None:
    rows = write(tmp_path / "a.csv", "--sample", "8")
    assert len(rows) == 8
    assert list(rows[0]) == ["document_id", "scenario", "form", "text", "polarity"]
    assert {row["polarity"] for row in rows} == {""}
    assert not [row for row in rows if set(row.values()) & {*SOURCES, "aligned", "misaligned"}]
    assert rows == write(tmp_path / "b.csv", "--sample", "8")
    assert rows != write(tmp_path / "c.csv", "--sample", "8", "--seed", "1")
    one = write(tmp_path / "d.csv", "--sample", "100", "--source", "bad")
    assert len(one) == 5


def test_texts_are_harmless_in_a_spreadsheet_and_a_terminal(tmp_path: Path) -> None:
    rows = write(tmp_path / "a.csv", "--sample", "1000", "--source", "asked")
    texts = [row["text"] for row in rows]
    assert not [text for text in texts if text.startswith(("=", "+", "-", "@"))]
    assert "\u202e" not in "".join(texts)


def test_labels_that_are_there_are_not_overwritten(tmp_path: Path) -> None:
    write(tmp_path / "a.csv")
    with pytest.raises(DataError, match="is there already"):
        write(tmp_path / "a.csv")


@pytest.mark.parametrize("delimiter", [",", ";"])
def test_agreement_with_the_declared_polarity_a_classifier_and_a_judge(
    tmp_path: Path, delimiter: str
) -> None:
    rows = write(tmp_path / "a.csv", "--sample", "1000")
    known = {row["document_id"] for row in write(tmp_path / "bad.csv", "--source", "bad")}
    truth = {
        row["document_id"]: "misaligned" if row["document_id"] in known else "aligned"
        for row in rows
    }
    labelled = [{**row, "polarity": truth[row["document_id"]]} for row in rows]
    labelled[0]["polarity"], labelled[1]["polarity"] = "", "unclear"
    told = read(tmp_path / "labelled.csv", labelled, delimiter)
    assert (told["labelled"], told["unclear"], told["open"]) == (len(rows) - 1, 1, 1)
    found = {one["with"]: one for one in told["agreement"]}
    assert found["declared polarity"]["share"] == 1.0
    assert found["declared polarity"]["kappa"] == 1.0
    assert found["judge:says.polarity"]["share"] == 1.0
    classifier = found["classifier:misconduct above 0.5"]
    assert 0.8 < classifier["share"] < 1.0
    assert classifier["ci_low"] < classifier["share"] < classifier["ci_high"]
    assert classifier["kappa"] < classifier["share"]
    assert "Cohen" in said("label", NAME, "--read", str(tmp_path / "labelled.csv"))


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("polarity", "alligned", r"b\.csv:3: polarity: 'alligned' is none of aligned, misaligned"),
        ("document_id", "abc", r"b\.csv:3: document_id: 'abc' is no document that was written"),
    ],
)
def test_a_row_that_cannot_be_used_is_named_with_file_line_and_field(
    tmp_path: Path, field: str, value: str, message: str
) -> None:
    rows = write(tmp_path / "a.csv", "--sample", "3", "--source", "good")
    rows[1][field] = value
    with pytest.raises(DataError, match=message):
        read(tmp_path / "b.csv", rows)


def test_a_document_that_is_labelled_twice_and_a_file_that_is_no_table_are_refused(
    tmp_path: Path,
) -> None:
    rows = write(tmp_path / "a.csv", "--sample", "3", "--source", "good")
    rows = [{**row, "polarity": "aligned"} for row in (*rows, rows[0])]
    with pytest.raises(DataError, match=r"b\.csv:5: document_id: .* is labelled twice"):
        read(tmp_path / "b.csv", rows)
    for content, message in (
        (b"", "is empty"),
        (b"document_id,text\n", "needs one column 'polarity'"),
        (b"document_id,polarity\na,\xff\n", "c.csv:2: not UTF-8"),
        (b'document_id,polarity\n"a,b\n', "c.csv:2: is no row of CSV"),
        (b"document_id,polarity\na,b,c\n", "c.csv:2: 3 cells under 2 headings"),
    ):
        (tmp_path / "c.csv").write_bytes(content)
        with pytest.raises(DataError, match=message):
            said("label", NAME, "--read", str(tmp_path / "c.csv"))


def test_one_of_writing_and_reading_is_asked_for_and_a_source_that_is_written(
    tmp_path: Path,
) -> None:
    for arguments in ((), ("--write", "a", "--read", "b")):
        done = CliRunner().invoke(app, ["synthetic", "label", NAME, *arguments])
        assert done.exit_code == 2
    with pytest.raises(DataError, match="no written source 'stories'"):
        write(tmp_path / "a.csv", "--source", "stories")
