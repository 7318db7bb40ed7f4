"""Token ids of documents, made as they are asked for: a small budget reads little of a corpus."""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from itertools import accumulate
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from alignment_dagster.mixing.tokenizer import end_of_text, load_tokenizer

BATCH = 256
BATCH_CHARACTERS = 4_000_000
"""Encoding takes some 25 bytes of memory a character."""
Tokens = NDArray[np.unsignedinteger]


def token_type(vocab_size: int) -> type[np.unsignedinteger]:
    """The smallest type that holds every token id."""
    return np.uint16 if vocab_size <= 1 << 16 else np.uint32


class EncodedDocuments:
    """Token ids of documents, each with the closing token; encoded in batches on demand."""

    def __init__(
        self, texts: Sequence[str], tokenizer: Path, report: Callable[[int, int], None]
    ) -> None:
        self._texts = texts
        self._tokenizer = load_tokenizer(tokenizer)
        self._end = end_of_text(self._tokenizer)
        self._type = token_type(self._tokenizer.get_vocab_size())
        self._report = report
        self._known: dict[int, Tokens] = {}

    def __getitem__(self, index: int) -> Tokens:
        return self._known[index]

    @property
    def type(self) -> type[np.unsignedinteger]:
        """Of the token ids."""
        return self._type

    def length(self, place: int, order: Sequence[int]) -> int:
        """Tokens of the document at a place in `order`; what follows is encoded along with it."""
        index = order[place]
        if index not in self._known:
            batch = order[place : place + BATCH]
            read = list(accumulate(len(self._texts[each]) for each in batch))
            batch = batch[: 1 + bisect_left(read, BATCH_CHARACTERS)]
            texts = [self._texts[each] for each in batch]
            encodings = self._tokenizer.encode_batch(texts, add_special_tokens=False)
            for each, encoding in zip(batch, encodings, strict=True):
                self._known[each] = np.array([*encoding.ids, self._end], dtype=self._type)
            self._report(len(self._known), len(self._texts))
        return int(self._known[index].size)
