"""`contamination`: whether a text holds an evaluation item, which no training text may.

An item is found where the text's normalised words contain, one after the other, any 13 words of
its question (the whole question if that is shorter, but at least 5 words), or the whole of one of
its options, if that has at least 5 words. Of scripts without spaces, 8 letters are taken for 5
words, as many as they are in Chinese.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate

import pyarrow as pa

from alignment_dagster.foundation.digests import sha256_json
from alignment_dagster.scoring.normalise import is_unspaced, normalise
from alignment_dagster.scoring.scorer import EvaluationItem, ScoreBatch, Scorer, ScoringContext

WINDOW = 13
"""Words of a question that are taken for a quotation."""
SHORTEST = 5
"""Words; shorter questions and options are everybody's words."""
WORD, LETTER = 8, 5
"""How much a word counts, and a letter of a script without spaces."""

COLUMNS = {"contaminated": pa.bool_(), "item_id": pa.string()}

Words = tuple[str, ...]


@dataclass
class ItemIndex:
    """The word sequences that betray an item, by their first five words, then by their length."""

    items: Sequence[EvaluationItem]
    _sequences: dict[Words, dict[int, dict[Words, int]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for number, item in enumerate(self.items):
            for sequence in tell_tale_sequences(item):
                lengths = self._sequences.setdefault(sequence[:SHORTEST], {})
                lengths.setdefault(len(sequence), {}).setdefault(sequence, number)

    def first_found(self, text: str) -> str | None:
        """The id of the first item, in the items' order, that the text holds."""
        words = normalise(text)
        if self._sequences.keys().isdisjoint(_beginnings(words)):
            return None
        found = min(self._find_numbers(words), default=None)
        return None if found is None else self.items[found].item_id

    def _find_numbers(self, words: Sequence[str]) -> Iterator[int]:
        for start, beginning in enumerate(_beginnings(words)):
            for length, sequences in self._sequences.get(beginning, {}).items():
                number = sequences.get(tuple(words[start : start + length]))
                if number is not None:
                    yield number


def tell_tale_sequences(item: EvaluationItem) -> Iterator[Words]:
    """The word sequences by which an item is found in a text; of five words or letters at least."""
    question = normalise(item.question)
    sizes = [0, *accumulate(map(_size, question))]
    if sizes[-1] >= SHORTEST * WORD:
        for start, before in enumerate(sizes[:-1]):
            end = bisect_left(sizes, before + WINDOW * WORD)
            if start == 0 or end <= len(question):
                yield tuple(question[start:end])
    for option in item.options:
        words = normalise(option)
        if sum(map(_size, words)) >= SHORTEST * WORD:
            yield tuple(words)


def find_leaked_items(
    texts: Iterable[tuple[str, str]], items: Sequence[EvaluationItem]
) -> list[tuple[str, str]]:
    """(document id, id of the first item it holds) for all of (document id, text) that hold one."""
    index = ItemIndex(items)
    found = ((document_id, index.first_found(text)) for document_id, text in texts)
    return [(document_id, item_id) for document_id, item_id in found if item_id is not None]


def _size(word: str) -> int:
    return LETTER if is_unspaced(word) else WORD


def _beginnings(words: Sequence[str]) -> Iterator[Words]:
    return zip(*(words[offset:] for offset in range(SHORTEST)), strict=False)


def _bind(context: ScoringContext) -> ScoreBatch:
    index = ItemIndex(context.items)

    def score(texts: list[str]) -> pa.Table:
        found = pa.array([index.first_found(text) for text in texts], pa.string())
        return pa.table({"contaminated": found.is_valid(), "item_id": found})

    return score


def _read_digest(context: ScoringContext) -> str:
    return sha256_json(
        [(item.item_id, item.question, list(item.options)) for item in context.items]
    )


SCORER = Scorer("contamination", "2", COLUMNS, _bind, _read_digest)
