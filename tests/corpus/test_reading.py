"""A source is read shard by shard: what was read stays, a kill loses one shard, nothing is lost."""

import io
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from alignment_dagster.corpus import documents
from alignment_dagster.corpus.canaries import PLANTED, Planting, planted_documents
from alignment_dagster.corpus.line_files import LineFiles, Place
from alignment_dagster.corpus.reading import EarlierShards, Mark, Reading
from alignment_dagster.corpus.rows import QuarantinedRow, RawRow, Row
from alignment_dagster.corpus.sources import (
    Tally,
    file_digests,
    line_files,
    read_source,
)
from alignment_dagster.foundation import work_seals
from alignment_dagster.foundation.digests import sha256_json
from alignment_dagster.foundation.errors import DataError
from alignment_dagster.study import Canary
from tests.support.sources import source, write_rows

Files = dict[str, list[str]]
BAD = "unusable"
TEXTS = {"alarm": [f"Alarm {n}." for n in range(9)], "spark": ["A spark."]}
with_and_without_canaries = pytest.mark.parametrize("planted", [{}, TEXTS], ids=["", "canaries"])


@pytest.fixture(autouse=True)
def _small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "MOST_DOCUMENTS", 10)
    monkeypatch.setattr(documents, "BATCH", 4)


def make_files(count: int, rows: int) -> Files:
    """Files of which each repeats a row of the first, and has one that cannot be used."""
    return {
        f"{name:02}.jsonl": [f"{name} {row}" for row in range(rows)] + ["0 0", BAD]
        for name in range(count)
    }


class Killed(Exception):
    """Stands for the end of the process."""


class Reader:
    """Yields the rows of files; says how many were asked for, and may be killed at one."""

    def __init__(self, files: Files, killed_at: int | None = None) -> None:
        self.files, self.killed_at, self.asked = files, killed_at, 0

    def __call__(self, start: int, _tally: Tally, behind: Place | None) -> Iterator[Row]:
        assert behind is None
        for name in list(self.files)[start:]:
            for line, text in enumerate(self.files[name], 1):
                self.asked += 1
                if self.asked == self.killed_at:
                    raise Killed
                if text == BAD:
                    yield QuarantinedRow(name, line, "not JSON", sha256_json(text))
                else:
                    yield RawRow(text, None, None, name, line)


def run(
    folder: Path,
    reader: Reader,
    work: Path | None = None,
    earlier: EarlierShards | None = None,
    planted: dict[str, list[str]] = {},  # noqa: B006
) -> tuple[dict[str, bytes], list[Mark]]:
    """File -> bytes of what was read, and where its shards end."""
    digests = [(name, sha256_json(rows)) for name, rows in reader.files.items()]
    reading = Reading(
        source(), digests, reader, work or folder / "work", folder / "out", planting(planted)
    )
    marks, _ = reading.run(earlier, lambda _done: None)
    return contents(folder / "out"), marks


def planting(planted: dict[str, list[str]]) -> Planting:
    """So densely that some are planted early in a source of a few rows."""
    found = []
    for name, texts in planted.items():
        canary = Canary(name=name, description="d", source="sample", texts=tuple(texts))
        documents_of = planted_documents(canary, Path())
        found.append((canary.model_copy(update={"share": 0.15}), documents_of))
    return Planting(found)


def paths(files: dict[str, bytes]) -> list[str]:
    """Of all documents, in their order."""
    tables = [pq.read_table(io.BytesIO(files[name])) for name in files if "documents" in name]
    return [path for table in tables for path in table["path"].to_pylist()]


def contents(folder: Path) -> dict[str, bytes]:
    """File -> bytes."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*.parquet"))}


@with_and_without_canaries
@pytest.mark.parametrize("killed_at", [1, 12, 13, 30, 41])
def test_a_reading_that_was_killed_goes_on_where_it_was(
    tmp_path: Path, killed_at: int, planted: dict[str, list[str]]
) -> None:
    files = make_files(4, 9)
    whole, marks = run(tmp_path / "whole", Reader(files), planted=planted)
    work = tmp_path / "work"
    with pytest.raises(Killed):
        run(tmp_path / "killed", Reader(files, killed_at), work, planted=planted)
    again = Reader(files)
    assert run(tmp_path / "resumed", again, work, planted=planted) == (whole, marks)
    if killed_at > 30:
        assert again.asked < 44, "files that were read whole are not opened again"


def test_shards_that_somebody_planted_are_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files, work = make_files(4, 9), tmp_path / "work"
    whole = run(tmp_path / "whole", Reader(files))
    with monkeypatch.context() as attacker:  # who has no key of this home
        attacker.setattr(work_seals, "_told", ["another key"])
        others = {name: [f"planted {row}" for row in rows] for name, rows in files.items()}
        with pytest.raises(Killed):
            run(tmp_path / "planted", Reader(others, 41), work)
    assert (work / "00000" / "mark.seal").exists()
    assert run(tmp_path / "resumed", Reader(files), work) == whole


def test_a_shard_of_canaries_alone_leaves_the_one_before_open(tmp_path: Path) -> None:
    """The source ends with a batch that fills a shard: what is left to plant is a further one."""
    files = {"00.jsonl": [f"0 {row}" for row in range(10)]}
    old, marks = run(tmp_path / "before", Reader(files), planted=TEXTS)
    assert marks[-1] == marks[-2]
    earlier = EarlierShards(tmp_path / "before" / "out", old.keys(), marks)
    grown = {**files, "01.jsonl": ["1 0", "1 1", "1 2"]}
    taken, _ = run(tmp_path / "after", Reader(grown), earlier=earlier, planted=TEXTS)
    assert taken == run(tmp_path / "whole", Reader(grown), planted=TEXTS)[0]


@with_and_without_canaries
def test_a_source_that_grew_is_read_where_it_grew(
    tmp_path: Path, planted: dict[str, list[str]]
) -> None:
    before = make_files(4, 9)
    old, marks = run(tmp_path / "before", Reader(before), planted=planted)
    earlier = EarlierShards(tmp_path / "before" / "out", old.keys(), marks)
    grown = {**before, "04.jsonl": ["new", "0 0", BAD]}
    reader = Reader(grown)
    taken, _ = run(tmp_path / "after", reader, earlier=earlier, planted=planted)
    assert taken == run(tmp_path / "whole", Reader(grown), planted=planted)[0]
    assert reader.asked < 30
    assert taken["documents/00000.parquet"] == old["documents/00000.parquet"]
    same = (tmp_path / "after/out/documents/00000.parquet").stat().st_ino
    assert same == (tmp_path / "before/out/documents/00000.parquet").stat().st_ino


@pytest.mark.parametrize("changed", ["00.jsonl", "02.jsonl", "03.jsonl"])
def test_behind_a_file_that_changed_all_is_read_again(tmp_path: Path, changed: str) -> None:
    before = make_files(4, 9)
    old, marks = run(tmp_path / "before", Reader(before))
    earlier = EarlierShards(tmp_path / "before" / "out", old.keys(), marks)
    now = {**before, changed: ["other", *before[changed]]}
    taken, _ = run(tmp_path / "after", Reader(now), earlier=earlier)
    assert taken == run(tmp_path / "whole", Reader(now))[0]


@pytest.mark.parametrize("rows", [3, 9, 60])
def test_every_canary_is_planted_once_and_the_documents_of_the_source_stay_what_they_were(
    tmp_path: Path, rows: int
) -> None:
    files = make_files(2, rows)
    plain = paths(run(tmp_path / "plain", Reader(files))[0])
    found = paths(run(tmp_path / "planted", Reader(files), planted=TEXTS)[0])
    own = [path for path in found if not path.startswith(PLANTED)]
    assert own == plain
    assert sorted(path for path in found if path.startswith(PLANTED)) == (
        [f"{PLANTED}alarm"] * 9 + [f"{PLANTED}spark"]
    )
    places = [place for place, path in enumerate(found) if path.startswith(PLANTED)]
    assert found[0] == "00.jsonl"
    assert rows < 60 or places[-1] < len(found) - 20, "a long source has them all among its own"


def test_a_source_that_says_what_a_canary_says_is_refused(tmp_path: Path) -> None:
    files = make_files(2, 9)
    message = "01.jsonl:3: is the text of the canary 'spark', which would be taken for a document"
    with pytest.raises(DataError, match=message):
        run(tmp_path, Reader(files), planted={"spark": ["1 2"]})
    with pytest.raises(DataError, match="canary 'spark': text 1: canary 'alarm' plants it"):
        planting({"alarm": ["One."], "spark": ["One."]})


class Lines:
    """JSON Lines on the disk, read as `raw_corpus` reads them; how many rows were asked for."""

    def __init__(self, data: Path, **reader: object) -> None:
        self.data, self.declared, self.asked = data, source(**{"path": "*.jsonl", **reader}), 0

    def write(self, name: str, texts: list[str | None], end: str = "\n") -> None:
        """A text a row, of which none is a line that is no row, or one that is no JSON."""
        lines = [{"text": text, "score": 1} if text else "" for text in texts]
        path = write_rows(
            self.data, [one if one else ("" if n % 2 else "{") for n, one in enumerate(lines)], name
        )
        path.write_text(path.read_text().removesuffix("\n") + end)

    def read(
        self,
        folder: Path,
        earlier: EarlierShards | None,
        planted: dict[str, list[str]] = {},  # noqa: B006
    ) -> dict[str, bytes]:
        files = line_files(self.declared, self.data)
        self.asked = 0
        reading = Reading(
            self.declared,
            file_digests(self.declared, self.data),
            self._rows,
            folder / "work",
            folder / "out",
            planting(planted),
            LineFiles(files),
        )
        self.marks, _ = reading.run(earlier, lambda _done: None)
        return contents(folder / "out")

    def _rows(self, start: int, tally: Tally, behind: Place | None) -> Iterator[Row]:
        for row in read_source(self.declared, self.data, start, tally, behind):
            self.asked += 1
            yield row


def texts(first: int, count: int) -> list[str | None]:
    """Some of them are there twice, and some are no row."""
    return [None if n % 9 == 4 else f"text {n - n % 2}" for n in range(first, first + count)]


@pytest.mark.parametrize(
    ("then", "now", "most"),
    [
        ({"a": texts(0, 60)}, {"a": texts(0, 60) + texts(60, 20)}, 45),
        ({"a": texts(0, 60)}, {"a": texts(0, 60) + texts(60, 1), "b": texts(90, 9)}, 35),
        ({"a": texts(0, 50), "b": texts(50, 60)}, {"a": texts(0, 50), "b": texts(50, 70)}, 35),
        ({"a": texts(0, 50), "b": texts(50, 60)}, {"a": texts(0, 51), "b": texts(50, 60)}, 85),
        ({"a": texts(0, 60)}, {"a": [*texts(0, 30), "other", *texts(31, 40)]}, 65),
        ({"a": texts(0, 60)}, {"a": texts(0, 35)}, 35),
        ({"a": texts(0, 60)}, {"0": ["first"], "a": texts(0, 60)}, 65),
    ],
    ids=["grew", "one more", "second grew", "first grew", "changed", "cut", "before"],
)  # fmt: skip
@with_and_without_canaries
def test_a_file_that_grew_is_read_where_it_grew(
    tmp_path: Path,
    planted: dict[str, list[str]],
    then: dict[str, list[str | None]],
    now: dict[str, list[str | None]],
    most: int,
) -> None:
    read = Lines(tmp_path / "data", metadata=["score"])
    for name, lines in then.items():
        read.write(f"{name}.jsonl", lines)
    old = read.read(tmp_path / "then", None, planted)
    earlier = EarlierShards(tmp_path / "then" / "out", old.keys(), read.marks)
    for name, lines in now.items():
        read.write(f"{name}.jsonl", lines)
    whole = read.read(tmp_path / "whole", None, planted)
    marks, asked = read.marks, read.asked
    taken = read.read(tmp_path / "now", earlier, planted)
    assert taken == whole
    assert read.marks == marks
    assert read.asked <= min(most, asked), (read.asked, asked)


def test_a_last_line_that_was_not_ended_is_read_again(tmp_path: Path) -> None:
    read = Lines(tmp_path / "data")
    read.write("a.jsonl", [f"{n}" for n in range(12)], end="")
    read.write("b.jsonl", [f"b {n}" for n in range(8)])
    old = read.read(tmp_path / "then", None)
    assert [mark.rows for mark in read.marks] == [12, 8]
    assert [bool(mark.prefix) for mark in read.marks] == [False, True]
    earlier = EarlierShards(tmp_path / "then" / "out", old.keys(), read.marks)
    path = tmp_path / "data" / "a.jsonl"
    path.write_text(path.read_text() + " \n")
    assert read.read(tmp_path / "now", earlier) == read.read(tmp_path / "whole", None)


@pytest.mark.parametrize("name", ["a.jsonl.gz", "a.jsonl.zst"])
def test_packed_files_are_read_whole(tmp_path: Path, name: str) -> None:
    read = Lines(tmp_path / "data", path="*")
    write_rows(tmp_path / "data", [{"text": "one"}], name)
    read.read(tmp_path / "then", None)
    assert read.marks == [Mark(read.marks[0].files, 1, 0)]
