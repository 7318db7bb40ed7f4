"""How varied written texts are: distinct n-grams, compressibility, self-BLEU, length.

All of them depend on how many texts there are: compare sets of a size.
"""

import math
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from alignment_dagster.scoring.normalise import normalise

ORDER = 4
"""Of the longest n-grams of BLEU."""
UNSEEN = 0.1
"""What stands for no match of an order: Chen and Cherry (2014), smoothing 1."""
COMPARED = 100
"""Texts, at most, of which each is compared with all others."""
MEASURED = 1_000
"""Texts, at most, that the other measures look at."""

Words = Sequence[str]
Gram = tuple[str, ...]


@dataclass(frozen=True)
class Diversity:
    """What is measured of some texts; None where there are too few."""

    documents: int
    words: float
    """Mean."""
    words_low: float
    words_high: float
    """Between them lie nine of ten texts."""
    distinct: tuple[float, float, float]
    """Of words, pairs and triples, the share that are different: distinct-n of Li et al., A
    Diversity-Promoting Objective Function for Neural Conversation Models (NAACL 2016)."""
    compression: float
    """Bytes for each byte of zlib's: higher where texts repeat each other."""
    self_bleu: float | None
    """Mean BLEU of each text against the others, from 0 to 1: higher where texts are alike."""


def measure_diversity(texts: Sequence[str]) -> Diversity | None:
    """What is measured of texts, the first of them where there are many; None of none.

    Args:
        texts: in an order that makes the first ones a fair sample, as that of their digests.
    """
    if not texts:
        return None
    words = [normalise(text) for text in texts[:MEASURED]]
    lengths = np.array([len(one) for one in words])
    low, high = np.percentile(lengths, [5, 95])
    return Diversity(
        documents=len(texts),
        words=float(lengths.mean()),
        words_low=float(low),
        words_high=float(high),
        distinct=(distinct(words, 1), distinct(words, 2), distinct(words, 3)),
        compression=compression_ratio(texts[:MEASURED]),
        self_bleu=self_bleu(words[:COMPARED]),
    )


def distinct(texts: Sequence[Words], order: int) -> float:
    """The share of all n-grams of texts that are different ones; 0 where there are none."""
    found = Counter(gram for words in texts for gram in _grams(words, order))
    return len(found) / found.total() if found else 0.0


def compression_ratio(texts: Sequence[str]) -> float:
    """Bytes of texts, one after the other, for each byte of them compressed by zlib."""
    whole = "\n".join(texts).encode("utf-8", "surrogatepass")
    return len(whole) / len(zlib.compress(whole, 9)) if whole else 1.0


def self_bleu(texts: Sequence[Words]) -> float | None:
    """Self-BLEU of Zhu et al., Texygen (SIGIR 2018): the mean BLEU-4 of each text, with all others
    as its references; smoothed, since one order without a match would make it 0.

    Returns:
        None of fewer than two texts that have words.
    """
    texts = [words for words in texts if words]
    if len(texts) < 2:
        return None
    counts = [[Counter(_grams(words, n)) for words in texts] for n in range(1, ORDER + 1)]
    most = [_two_most(own) for own in counts]
    lengths = np.array([len(words) for words in texts])
    scores = []
    for text in range(len(texts)):
        logs = [math.log(_precision(counts[n][text], most[n])) for n in range(ORDER)]
        penalty = _brevity_penalty(lengths[text], np.delete(lengths, text))
        scores.append(penalty * math.exp(sum(logs) / ORDER))
    return float(np.mean(scores))


def _two_most(counts: Sequence[Counter[Gram]]) -> dict[Gram, tuple[int, int]]:
    """N-gram → how often the text has it that has it most, and the next one."""
    found: dict[Gram, tuple[int, int]] = {}
    for own in counts:
        for gram, count in own.items():
            first, second = found.get(gram, (0, 0))
            found[gram] = (count, first) if count > first else (first, max(second, count))
    return found


def _precision(own: Counter[Gram], most: dict[Gram, tuple[int, int]]) -> float:
    """Modified n-gram precision against all other texts."""
    matched = 0
    for gram, count in own.items():
        first, second = most[gram]
        # where this text has it most, the others have it as often as the next one
        matched += min(count, second if count == first else first)
    return (matched or UNSEEN) / max(1, own.total())


def _brevity_penalty(length: int, others: NDArray[np.int64]) -> float:
    """Against the reference of the closest length, the shorter of two."""
    closest = int(min(others, key=lambda one: (abs(one - length), one)))
    return 1.0 if length > closest else math.exp(1 - closest / length)


def _grams(words: Words, order: int) -> Iterator[Gram]:
    return zip(*(words[offset:] for offset in range(order)), strict=False)
