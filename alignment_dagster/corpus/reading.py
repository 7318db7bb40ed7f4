"""Reading a source shard by shard: what was read before is taken over, and a kill loses one shard.

A shard of an earlier version is taken over where it ends in a file that, with all files before it,
is the same now, and more was read behind it: read from the beginning, it would be the same bytes.
Of a plain file whose rows are lines it is enough that the lines up to there are the same.
"""

import hashlib
import json
import shutil
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from itertools import count, islice, takewhile
from pathlib import Path

import pyarrow.parquet as pq

from alignment_dagster.corpus.canaries import Planting
from alignment_dagster.corpus.documents import Shard, ShardReader, write_shard
from alignment_dagster.corpus.line_files import LineFiles, Place
from alignment_dagster.corpus.rows import Row
from alignment_dagster.corpus.sources import Tally
from alignment_dagster.foundation.atomic_files import atomic_folder, link_file
from alignment_dagster.foundation.digests import canonical_json, sha256_json
from alignment_dagster.foundation.work_seals import has_seal, place_of, write_seal
from alignment_dagster.lineage import file_names
from alignment_dagster.study import Source

MARK, SEAL = "mark.json", "mark.seal"

FileDigests = Sequence[tuple[str, str]]
"""Name and hex SHA-256 of each of a source's files, in the order in which they are read."""
ReadFrom = Callable[[int, Tally, Place | None], Iterator[Row]]
"""The rows of a source from the file of that number on, and in it from a place on, where one is
given; the tally counts what is left out."""


@dataclass(frozen=True)
class Mark:
    """Where a shard ends: in which file, and behind how many of its rows.

    `not_sampled` counts the documents before that are outside of the declared sample; `files`
    is the hex SHA-256 over names and digests of that file and all before it.
    """

    files: str
    rows: int
    not_sampled: int
    path: str = ""
    """The file; with what follows, of those in which reading may begin behind a line."""
    line: int = 0
    offset: int = 0
    """Bytes of the file that end with the line."""
    prefix: str = ""
    """Hex SHA-256 over all files before, the name, and the digest of those bytes."""


@dataclass(frozen=True)
class EarlierShards:
    """The shards of an earlier version: its folder, its files, and where each shard ends."""

    folder: Path
    names: Set[str]
    marks: Sequence[Mark]


@dataclass
class Reading:
    """A source that is being read into a folder.

    `work` stays when this is killed; what lies there sealed was read of exactly these files.
    """

    source: Source
    files: FileDigests
    read_from: ReadFrom
    work: Path
    folder: Path
    planting: Planting = field(default_factory=Planting)
    lines: LineFiles | None = None
    """The files in which reading may begin behind a line."""

    def run(
        self, earlier: EarlierShards | None, report: Callable[[int], None]
    ) -> tuple[list[Mark], int]:
        """Write all shards; returns where each ends, and how many documents were not sampled.

        Args:
            report: told how many documents there are, after each shard.
        """
        ends = _ends(self.files)
        marks = self._take_over(earlier, ends)
        taken = len(marks)
        marks += self._resume(taken)
        reader = self._reader_behind(marks)
        start = list(ends.values()).index(marks[-1].files) if marks else 0
        tally = Tally()
        rows = self._rows_behind(marks, start, tally)
        if marks:
            last = marks[-1]
            reader.path, reader.rows, reader.line = list(ends)[start], last.rows, last.line
            tally.not_sampled = last.not_sampled
        for shard in reader.read(rows):
            mark = self._mark(shard, ends, tally)
            self._keep(shard, mark, len(marks))
            marks.append(mark)
            report(reader.position)
        for shard_folder in map(self._shard_folder, range(taken, len(marks))):
            for path in shard_folder.rglob("*.parquet"):
                link_file(path, self.folder / path.relative_to(shard_folder))
        return marks, tally.not_sampled

    def _rows_behind(self, marks: Sequence[Mark], start: int, tally: Tally) -> Iterator[Row]:
        """The rows that follow the last mark, which lies in the file of that number."""
        if marks and marks[-1].prefix and self.lines is not None:
            return self.read_from(start, tally, Place(marks[-1].line, marks[-1].offset))
        rows = self.read_from(start, tally, None)
        deque(islice(rows, marks[-1].rows if marks else 0), maxlen=0)
        return rows

    def _mark(self, shard: Shard, ends: Mapping[str, str], tally: Tally) -> Mark:
        mark = Mark(ends[shard.path], shard.rows, tally.not_sampled)
        found = self.lines.find_end(shard.path, shard.line) if self.lines is not None else None
        if found is None:
            return mark
        place, digest = found
        prefix = _prefix(shard.path, digest, ends)
        return replace(mark, path=shard.path, **vars(place), prefix=prefix)

    def _today(self, mark: Mark, ends: Mapping[str, str]) -> Mark | None:
        """An earlier mark as reading would make it now; None where what lies before is another."""
        if mark.files in ends.values():
            return mark
        if not mark.prefix or mark.path not in ends or self.lines is None:
            return None
        same = self.lines.begins_with(
            mark.path,
            Place(mark.line, mark.offset),
            lambda digest: _prefix(mark.path, digest, ends) == mark.prefix,
        )
        return replace(mark, files=ends[mark.path]) if same else None

    def _take_over(self, earlier: EarlierShards | None, ends: Mapping[str, str]) -> list[Mark]:
        """Link the earlier shards that reading would give again; the last one may have grown."""
        marks: list[Mark] = []
        if earlier is None:
            return marks
        for number, mark in enumerate(earlier.marks):
            # two shards end where the source ended if the second holds nothing but canaries
            today = None if mark == earlier.marks[-1] else self._today(mark, ends)
            if today is None:
                break
            marks.append(today)
            for name in (file_names.shard(table, number) for table in file_names.RAW_TABLES):
                if name in earlier.names:
                    link_file(earlier.folder / name, self.folder / name)
        return marks

    def _resume(self, done: int) -> list[Mark]:
        """What a run that was killed had finished."""
        marks: list[Mark] = []
        for folder in takewhile(Path.exists, map(self._shard_folder, count(done))):
            if len(marks) == int(folder.name) - done and has_seal(*self._sealed(folder)):
                marks.append(Mark(**json.loads((folder / MARK).read_text(encoding="utf-8"))))
            else:  # no run of this home wrote it, or what lies before it
                shutil.rmtree(folder)
        return marks

    def _sealed(self, folder: Path) -> tuple[Path, str, dict[str, Path]]:
        """Where the seal of a finished shard lies, for which place, and over what."""
        files = {
            path.relative_to(folder).as_posix(): path
            for path in sorted(folder.rglob("*"))
            if path.is_file() and path.name != SEAL
        }
        return folder / SEAL, f"{place_of(self.work)}/{folder.stem}", files

    def _reader_behind(self, marks: Sequence[Mark]) -> ShardReader:
        reader = ShardReader(self.source, self.planting)
        for number in range(len(marks)):
            name = file_names.shard(file_names.RAW_DOCUMENTS, number)
            kept = self._shard_folder(number) / name
            path = kept if kept.exists() else self.folder / name
            ids = pq.read_table(path, columns=["document_id"])["document_id"].to_pylist()
            reader.known.add(ids)
            reader.position += len(ids)
            self.planting.skip(path)
        return reader

    def _keep(self, shard: Shard, mark: Mark, number: int) -> None:
        target = self._shard_folder(number)
        target.parent.mkdir(parents=True, exist_ok=True)
        with atomic_folder(target, aside=target.with_suffix(".new")) as aside:
            write_shard(shard, aside, number)
            (aside / MARK).write_text(canonical_json(vars(mark)), encoding="utf-8")
            write_seal(*self._sealed(aside))

    def _shard_folder(self, number: int) -> Path:
        return self.work / f"{number:05}"


def _ends(files: FileDigests) -> dict[str, str]:
    """File → the digest over it and all before it, in their order."""
    running = hashlib.sha256()
    ends = {}
    for name, digest in files:
        running.update(canonical_json([name, digest]).encode())
        ends[name] = running.hexdigest()
    return ends


def _prefix(name: str, digest: str, ends: Mapping[str, str]) -> str:
    """The digest over all files before one, its name, and the digest of what it begins with."""
    place = list(ends).index(name)
    before = list(ends.values())[place - 1] if place else ""
    return sha256_json([before, name, digest])
