"""`item_overlap`: how much of an evaluation item's content words a text has close together.

`contamination` finds items word for word. Who says the same in a few other words still needs most
of the words that carry the content: of each item the distinct content words of its question and
options are looked for in windows of the text that are half as long again as the item. Who says the
same in other words throughout is not found.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from alignment_dagster.foundation.digests import sha256_json
from alignment_dagster.scoring.normalise import normalise
from alignment_dagster.scoring.scorer import EvaluationItem, ScoreBatch, Scorer, ScoringContext

LONGER = 1.5
"""Words of a window, for each word of the item."""
FEWEST = 8
"""Distinct content words of an item that is looked for: fewer are found near each other by chance.
"""
LEAST = 0.5
"""A smaller overlap is not measured, and is 0: texts on the same topic have as much."""
STOP_WORDS = frozenset(
    normalise(
        "about after again all also and another any are because been before being both but can "
        "cannot could did does doing done down during each either else ever every few for from "
        "had has have having hers herself him himself his how into its itself just may might "
        "more most much must nor not now off once one only onto other our out over own same "
        "shall she should since some such than that the their theirs them then there these "
        "they this those though through too under until upon very was were what when where "
        "which while who whom whose why will with within without would yes yet you your yours"
    )
)
"""Of three letters and more; shorter words are left out, too."""
SHORTEST_WORD = 3

COLUMNS = {"overlap": pa.float64(), "item_id": pa.string()}


@dataclass
class ContentIndex:
    """The content words of items: for each word the items that have it."""

    items: Sequence[EvaluationItem]
    _words: dict[str, int] = field(default_factory=dict)
    _holders: list[list[int]] = field(default_factory=list)
    _wanted: dict[int, frozenset[int]] = field(default_factory=dict)
    _windows: dict[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for number, item in enumerate(self.items):
            words = normalise("\n".join([item.question, *item.options]))
            content = dict.fromkeys(filter(_is_content, words))
            if len(content) < FEWEST:
                continue
            known = [self._words.setdefault(word, len(self._words)) for word in content]
            self._holders += [[] for _ in range(len(self._words) - len(self._holders))]
            for word in known:
                self._holders[word].append(number)
            self._wanted[number] = frozenset(known)
            self._windows[number] = round(LONGER * len(words))
        self._holding: list[NDArray[np.int64]] = [np.array(one) for one in self._holders]
        sizes = [len(self._wanted.get(number, ())) for number in range(len(self.items))]
        self._sizes = np.array([max(1, size) for size in sizes])

    def largest(self, text: str) -> tuple[float, str | None]:
        """The largest overlap, and the item that has it; the first of equal ones.

        Returns:
            0 and None where no item reaches `LEAST`.
        """
        found = ((place, self._words.get(word)) for place, word in enumerate(normalise(text)))
        places = [(place, word) for place, word in found if word is not None]
        best, best_item = 0.0, None
        for number, bound in self._candidates({word for _, word in places}):
            if bound <= best:
                break
            wanted = self._wanted[number]
            own = [(place, word) for place, word in places if word in wanted]
            overlap = _most_in_window(own, self._windows[number]) / len(wanted)
            if overlap >= LEAST and overlap > best:
                best, best_item = overlap, self.items[number].item_id
        return best, best_item

    def _candidates(self, words: set[int]) -> Iterator[tuple[int, float]]:
        """Items of which the whole text has enough words, with the share, the largest first."""
        if not words:
            return
        holders = np.concatenate([self._holding[word] for word in words])
        shares = np.bincount(holders, minlength=len(self.items)) / self._sizes
        for number in np.argsort(-shares, kind="stable"):
            if shares[number] < LEAST:
                return
            yield int(number), float(shares[number])


def _most_in_window(places: Sequence[tuple[int, int]], window: int) -> int:
    """The most distinct words that stand in so many words one after the other."""
    inside = Counter[int]()
    first = most = 0
    for place, word in places:
        inside[word] += 1
        while places[first][0] <= place - window:
            before = places[first][1]
            inside[before] -= 1
            if not inside[before]:
                del inside[before]
            first += 1
        most = max(most, len(inside))
    return most


def _is_content(word: str) -> bool:
    return word not in STOP_WORDS and (len(word) >= SHORTEST_WORD or not word.isascii())


def _bind(context: ScoringContext) -> ScoreBatch:
    index = ContentIndex(context.items)

    def score(texts: list[str]) -> pa.Table:
        found = [index.largest(text) for text in texts]
        overlaps = pa.array([overlap for overlap, _ in found], pa.float64())
        return pa.table(
            {"overlap": overlaps, "item_id": pa.array([one for _, one in found], pa.string())}
        )

    return score


def _read_digest(context: ScoringContext) -> str:
    return sha256_json(
        [(item.item_id, item.question, list(item.options)) for item in context.items]
    )


SCORER = Scorer("item_overlap", "1", COLUMNS, _bind, _read_digest)
