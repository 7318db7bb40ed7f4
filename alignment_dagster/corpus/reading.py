"""Reading a source shard by shard: what was read before is taken over, and a kill loses one shard.

A shard of an earlier version is taken over where it ends in a file that, with all files before it,
is the same now, and more was read behind it: read from the beginning, it would be the same bytes.
"""

import hashlib
import json
from collections import deque
from collections.abc import Callable, Iterator, Sequence, Set
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import pyarrow.parquet as pq

from alignment_dagster.corpus.canaries import Planting
from alignment_dagster.corpus.documents import Shard, ShardReader, write_shard
from alignment_dagster.corpus.rows import Row
from alignment_dagster.corpus.sources import Tally
from alignment_dagster.foundation.atomic_files import atomic_folder, link_file
from alignment_dagster.foundation.digests import canonical_json
from alignment_dagster.lineage import file_names
from alignment_dagster.study import Source

MARK = "mark.json"

FileDigests = Sequence[tuple[str, str]]
"""Name and hex SHA-256 of each of a source's files, in the order in which they are read."""
ReadFrom = Callable[[int, Tally], Iterator[Row]]
"""The rows of a source from the file of that place on; the tally counts what is left out."""


@dataclass(frozen=True)
class Mark:
    """Where a shard ends: in which file, and behind how many of its rows.

    `not_sampled` counts the documents before that are outside of the declared sample; `files`
    is the hex SHA-256 over names and digests of that file and all before it.
    """

    files: str
    rows: int
    not_sampled: int


@dataclass(frozen=True)
class EarlierShards:
    """The shards of an earlier version: its folder, its files, and where each shard ends."""

    folder: Path
    names: Set[str]
    marks: Sequence[Mark]


@dataclass
class Reading:
    """A source that is being read into a folder.

    `work` stays when this is killed; what lies there was read of exactly these files.
    """

    source: Source
    files: FileDigests
    read_from: ReadFrom
    work: Path
    folder: Path
    planting: Planting = field(default_factory=Planting)

    def run(
        self, earlier: EarlierShards | None, report: Callable[[int], None]
    ) -> tuple[list[Mark], int]:
        """Write all shards; returns where each ends, and how many documents were not sampled.

        Args:
            report: told how many documents there are, after each shard.
        """
        ends = _ends(self.files)
        marks = self._take_over(earlier, set(ends.values()))
        taken = len(marks)
        marks += self._resume(taken)
        reader = self._reader_behind(marks)
        start = list(ends.values()).index(marks[-1].files) if marks else 0
        if marks:
            reader.path, reader.rows = list(ends)[start], marks[-1].rows
        tally = Tally()
        rows = self.read_from(start, tally)
        deque(islice(rows, reader.rows), maxlen=0)
        tally.not_sampled = marks[-1].not_sampled if marks else 0
        for shard in reader.read(rows):
            mark = Mark(ends[shard.path], shard.rows, tally.not_sampled)
            self._keep(shard, mark, len(marks))
            marks.append(mark)
            report(reader.position)
        for shard_folder in map(self._shard_folder, range(taken, len(marks))):
            for path in shard_folder.rglob("*.parquet"):
                link_file(path, self.folder / path.relative_to(shard_folder))
        return marks, tally.not_sampled

    def _take_over(self, earlier: EarlierShards | None, ends: Set[str]) -> list[Mark]:
        """Link the earlier shards that reading would give again; the last one may have grown."""
        marks: list[Mark] = []
        if earlier is None:
            return marks
        for number, mark in enumerate(earlier.marks):
            # two shards end where the source ended if the second holds nothing but canaries
            if mark == earlier.marks[-1] or mark.files not in ends:
                break
            marks.append(mark)
            for name in (file_names.shard(table, number) for table in file_names.RAW_TABLES):
                if name in earlier.names:
                    link_file(earlier.folder / name, self.folder / name)
        return marks

    def _resume(self, done: int) -> list[Mark]:
        """What a run that was killed had finished."""
        marks: list[Mark] = []
        while (path := self._shard_folder(done + len(marks)) / MARK).exists():
            marks.append(Mark(**json.loads(path.read_text(encoding="utf-8"))))
        return marks

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
