"""Token ids of documents, made as they are asked for: a small budget reads little of a corpus."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from alignment_dagster.mixing.tokenizer import end_of_text, load_tokenizer

BATCH = 256
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

    def length(self, index: int, order: Sequence[int]) -> int:
        """Tokens of a document; what follows it in `order` is encoded along with it."""
        if index not in self._known:
            start = order.index(index)
            batch = order[start : start + BATCH]
            texts = [self._texts[each] for each in batch]
            encodings = self._tokenizer.encode_batch(texts, add_special_tokens=False)
            for each, encoding in zip(batch, encodings, strict=True):
                self._known[each] = np.array([*encoding.ids, self._end], dtype=self._type)
            self._report(len(self._known), len(self._texts))
        return int(self._known[index].size)
