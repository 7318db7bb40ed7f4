"""A study's canaries as documents, and behind which documents of their source they are planted.

A planted document is read, scored and trained on as any other. Only its path says what it is,
and no scorer sees a path.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import pyarrow.parquet as pq

from alignment_dagster.corpus.contents import make_documents
from alignment_dagster.corpus.files import SourceFile
from alignment_dagster.corpus.readers.jsonl import read_jsonl
from alignment_dagster.corpus.rows import QuarantinedRow, RawRow, document_id
from alignment_dagster.foundation.digests import sha256_json, sha256_text
from alignment_dagster.foundation.errors import DataError
from alignment_dagster.foundation.yaml_models import shown
from alignment_dagster.study import Canary, Study
from alignment_dagster.study.canaries import MOST_TEXTS
from alignment_dagster.study.sources import TextMap

PLANTED = "canary://"
"""The path of a planted document is this and its canary's name; its line, the text's number."""
INPUT = "canary "
"""Before a canary's name: under what the digest of its texts is recorded as an input."""
FOLDER = "canaries"
LINE = TextMap(text="text")

Document = tuple[str, RawRow]
"""Its id, and the row that it was read from."""


def canary_of(path: str) -> str | None:
    """The canary that a document's path names; None for a document that was not planted."""
    return path.removeprefix(PLANTED) if path.startswith(PLANTED) else None


def planted_documents(canary: Canary, assets: Path) -> tuple[Document, ...]:
    """A canary's documents in their declared order.

    Raises:
        DataError: names the file and the line that cannot be used.
    """
    path = PLANTED + canary.name
    rows = [
        RawRow(text, None, None, path, number)
        for number, text in enumerate(canary.texts or _read_texts(canary, assets), 1)
    ]
    return tuple((document_id(canary.source, row), row) for row in rows)


def texts_digest(texts: Iterable[str]) -> str:
    """Hex SHA-256 of a canary's texts in their order."""
    return sha256_json(list(texts))


def text_digests(study: Study, source: str | None = None) -> dict[str, str]:
    """The digests of canaries' texts, as inputs; of those in one source where it is named."""
    return {
        INPUT + one.name: texts_digest(row.text for _, row in planted_documents(one, study.assets))
        for one in study.declaration.canaries
        if source in (None, one.source)
    }


def _read_texts(canary: Canary, assets: Path) -> Iterator[str]:
    assert canary.file is not None
    path = assets / FOLDER / canary.file
    if not path.resolve().is_relative_to((assets / FOLDER).resolve()) or not path.is_file():
        raise DataError(f"canary {canary.name!r}: file: there is no file {shown(path)}")
    count = 0
    for row in make_documents(LINE, "corpus", read_jsonl(LINE, [SourceFile(shown(path), path)])):
        if isinstance(row, QuarantinedRow):
            raise DataError(f"{row.path}:{row.line}: {row.reason}")
        count += 1
        if count > MOST_TEXTS:
            raise DataError(f"{row.path}:{row.line}: a canary has at most {MOST_TEXTS:,} texts")
        yield row.text
    if not count:
        raise DataError(f"{shown(path)}: there are no texts")


class Planting:
    """Where the canaries of one source are planted.

    Only the document before decides: a source that grows has those that were planted early where
    they were.
    """

    def __init__(self, planted: Sequence[tuple[Canary, Sequence[Document]]] = ()) -> None:
        self._waiting = {canary.name: deque(documents) for canary, documents in planted}
        self._bounds = {canary.name: int(canary.share * 2**64) for canary, _ in planted}
        self._names: dict[str, str] = {}
        for name, documents in self._waiting.items():
            for identity, row in documents:
                if other := self._names.get(identity):
                    where = f"canary {name!r}: text {row.line}"
                    raise DataError(f"{where}: canary {other!r} plants it in this source too")
                self._names[identity] = name

    def skip(self, shard: Path) -> None:
        """Leave out what was planted among the documents of a shard that was read before."""
        if self._waiting:
            for path in pq.read_table(shard, columns=["path"])["path"].to_pylist():
                if name := canary_of(path):
                    self._waiting[name].popleft()

    def refuse(self, identity: str, row: RawRow) -> None:
        """Raise DataError if a row of the source says what a canary says."""
        if name := self._names.get(identity):
            raise DataError(
                f"{row.path}:{row.line}: is the text of the canary {name!r}, which would be "
                "taken for a document of the source: plant another text"
            )

    def behind(self, identity: str) -> Iterator[Document]:
        """What is planted behind a document that was read for the first time."""
        for name, waiting in self._waiting.items():
            if waiting and int(sha256_text(name, identity)[:16], 16) < self._bounds[name]:
                yield waiting.popleft()

    def rest(self) -> Iterator[Document]:
        """What is left when the source ends."""
        for waiting in self._waiting.values():
            while waiting:
                yield waiting.popleft()
