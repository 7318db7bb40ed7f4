"""Token ids of documents, made as they are asked for, in a file: a small budget reads little."""

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain, islice, pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alignment_dagster.foundation.atomic_files import atomic_file
from alignment_dagster.foundation.digests import CHUNK
from alignment_dagster.foundation.work_seals import is_sealed, place_of, seal
from alignment_dagster.lineage import file_names
from alignment_dagster.mixing.kept_documents import KeptDocuments, Numbers, read_texts
from alignment_dagster.mixing.layers import Layer, Segment
from alignment_dagster.mixing.redaction import Rewrite
from alignment_dagster.mixing.tokenizer import (
    end_of_text,
    load_tokenizer,
    token_bytes,
    token_id,
)

BATCH = 1024
BATCH_CHARACTERS = 4_000_000
"""Encoding takes some 25 bytes of memory a character."""
TOKENS, LENGTHS, SEAL = "tokens.bin", "lengths.bin", "encoded.seal"


def token_type(vocab_size: int) -> type[np.unsignedinteger]:
    """The smallest type that holds every token id."""
    return np.uint16 if vocab_size <= 1 << 16 else np.uint32


class EncodedDocuments:
    """Token ids of kept documents, each with the closing token.

    What is encoded lies in `work`, and is found again there by a run that was killed. A document
    with `cuts`, before bytes of its text, has no token across one: its parts are encoded apart.
    """

    def __init__(
        self,
        kept: KeptDocuments,
        documents: Sequence[Path],
        tokenizer: Path,
        work: Path,
        report: Callable[[int, int], None],
        rewrite: Rewrite | None = None,
        cuts: Mapping[int, Sequence[int]] | None = None,
    ) -> None:
        self._kept, self._documents, self._report = kept, documents, report
        self._rewrite = rewrite
        self._cuts = cuts or {}
        self._tokenizer = load_tokenizer(tokenizer)
        self._end = end_of_text(tokenizer, self._tokenizer)
        self.type = np.dtype(token_type(self._tokenizer.get_vocab_size()))
        self.lengths = np.zeros(kept.ids.size, np.int64)
        """[documents]: tokens of each; 0 where it is not encoded yet."""
        self.own_lengths = self.lengths
        self.alone = np.ones(kept.ids.size, bool)
        self._offsets = np.zeros(kept.ids.size, np.int64)
        self.layers: Mapping[str, Layer] = {
            file_names.SEQUENCES: Layer(self.type, lambda row, _phase: self.read(row))
        }
        self._open(work)

    def segments(self, row: int) -> tuple[Segment, ...]:
        """None: nothing stands in a document."""
        return ()

    def token_id(self, token: str) -> int:
        """The id of a special token."""
        return token_id(self._tokenizer, token)

    def _open(self, work: Path) -> None:
        """Take up what lies there, as far as it was sealed."""
        self._seal = work / SEAL
        self._place = place_of(work)
        self._hashes = hashlib.sha256(), hashlib.sha256()
        work.mkdir(parents=True, exist_ok=True)
        self._tokens = os.open(work / TOKENS, os.O_RDWR | os.O_CREAT, 0o644)
        self._lengths = os.open(work / LENGTHS, os.O_RDWR | os.O_CREAT, 0o644)
        size = self._sealed_size()
        found = np.frombuffer(os.pread(self._lengths, size, 0), np.int64).reshape(-1, 2)
        self._written = int(found[:, 1].sum())
        os.ftruncate(self._tokens, self._written * self.type.itemsize)
        os.ftruncate(self._lengths, found.nbytes)
        os.lseek(self._tokens, 0, os.SEEK_END)
        os.lseek(self._lengths, 0, os.SEEK_END)
        self.lengths[found[:, 0]] = found[:, 1]
        self._offsets[found[:, 0]] = np.cumsum(found[:, 1]) - found[:, 1]

    def _sealed_size(self) -> int:
        """The bytes of lengths that a run of this home wrote last, with the tokens to them."""
        try:
            content, given = json.loads(self._seal.read_text(encoding="utf-8"))
            sizes = content["sizes"]
            whole = is_sealed(content, given) and content["place"] == self._place
        except (OSError, ValueError, TypeError, KeyError):
            return 0
        if not whole:
            return 0
        hashes = hashlib.sha256(), hashlib.sha256()
        for handle, size, running in zip((self._tokens, self._lengths), sizes, hashes, strict=True):
            for start in range(0, size, CHUNK):
                running.update(os.pread(handle, min(CHUNK, size - start), start))
        if [one.hexdigest() for one in hashes] != content["digests"]:
            return 0
        self._hashes = hashes
        return int(sizes[1])

    def _write(self, tokens: bytes, lengths: bytes) -> None:
        """Both at the ends of their files, and a seal over all that is in them now."""
        for handle, running, content in zip(
            (self._tokens, self._lengths), self._hashes, (tokens, lengths), strict=True
        ):
            _write(handle, content)
            running.update(content)
        sizes = [os.lseek(one, 0, os.SEEK_CUR) for one in (self._tokens, self._lengths)]
        digests = [one.hexdigest() for one in self._hashes]
        sealed = {"place": self._place, "sizes": sizes, "digests": digests}
        with atomic_file(self._seal) as aside:
            aside.write_text(json.dumps([sealed, seal(sealed)]), encoding="utf-8")

    def close(self) -> None:
        """Give the files back."""
        os.close(self._tokens)
        os.close(self._lengths)

    def read(self, row: int) -> NDArray[Any]:
        """The tokens of an encoded document."""
        size = int(self.lengths[row]) * self.type.itemsize
        found = os.pread(self._tokens, size, int(self._offsets[row]) * self.type.itemsize)
        return np.frombuffer(found, self.type)

    def token_bytes(self) -> Numbers:
        """How many bytes of text each entry of the vocabulary stands for [vocabulary]."""
        return token_bytes(self._tokenizer)

    def encode(self, rows: Numbers) -> None:
        """Encode those of the documents that are not yet, shard by shard."""
        rows = rows[self.lengths[rows] == 0]
        rows = rows[np.lexsort((self._kept.row[rows], self._kept.shard[rows]))]
        starts = np.flatnonzero(np.diff(self._kept.shard[rows], prepend=-1))
        for part in np.split(rows, starts[1:]) if rows.size else ():
            for batch, texts in self._batches(part):
                rewritten = texts if self._rewrite is None else [*map(self._rewrite, texts)]
                self._append(batch, rewritten)

    def _batches(self, rows: Numbers) -> Iterator[tuple[Numbers, list[str]]]:
        """Documents of one shard with their texts, as many as are encoded at a time."""
        texts = (text for _, text in read_texts(self._kept, rows, self._documents))
        sizes = self._kept.characters[rows]
        start = 0
        while start < rows.size:
            size = np.cumsum(sizes[start : start + BATCH])
            end = start + max(1, int(np.searchsorted(size, BATCH_CHARACTERS, side="right")))
            batch = rows[start:end]
            yield batch, [next(texts) for _ in batch]
            start = end

    def _append(self, rows: Numbers, texts: list[str]) -> None:
        places = (self._cuts.get(row, ()) for row in rows.tolist())
        parts = [_cut(text, each) for text, each in zip(texts, places, strict=True)]
        found: Iterator[Any] = iter(
            self._tokenizer.encode_batch_fast([*chain(*parts)], add_special_tokens=False)
        )
        encodings = [[*islice(found, len(part))] for part in parts]
        sizes = (sum(map(len, each)) + 1 for each in encodings)
        lengths = np.fromiter(sizes, np.int64, len(encodings))
        ids: NDArray[np.unsignedinteger] = np.fromiter(
            chain.from_iterable(
                chain(*(one.ids for one in each), (self._end,)) for each in encodings
            ),
            self.type,
            int(lengths.sum()),
        )
        self._write(ids.tobytes(), np.stack([rows, lengths], axis=1).astype(np.int64).tobytes())
        self.lengths[rows] = lengths
        self._offsets[rows] = self._written + np.cumsum(lengths) - lengths
        self._written += int(lengths.sum())
        self._report(int(np.count_nonzero(self.lengths)), self.lengths.size)


def _cut(text: str, places: Sequence[int]) -> list[str]:
    """The parts of a text between bytes of it."""
    if not places:
        return [text]
    content = text.encode()
    bounds = [0, *places, len(content)]
    return [content[begin:end].decode() for begin, end in pairwise(bounds)]


def _write(handle: int, content: bytes) -> None:
    left = memoryview(content)
    while left:
        left = left[os.write(handle, left) :]
