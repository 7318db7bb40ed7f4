"""Speed of a linear classifier: `python bench/classifiers.py [DOCUMENTS.parquet ...]`.

Over Parquet files with a column `text` (the `documents/*.parquet` of raw corpora), or over text of
Zipfian words made here. Scored with weights drawn at random: what they are costs nothing. Beside it
scikit-learn's `HashingVectorizer` with as many buckets and the same n-grams, both in one process on
one thread, in turns; processor seconds of the best turn. Exit code 1 where the goal does not hold,
where a text alone scores otherwise than in its batch, or where what is made here has other n-grams.
"""

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
import pyarrow.parquet as pq
from threadpoolctl import threadpool_limits

from alignment_dagster.scoring.classifiers.features import HashedNgrams
from alignment_dagster.scoring.classifiers.ngrams import BUCKETS, hash_texts
from alignment_dagster.scoring.classifiers.weights import Weights

GOAL = 10.0
"""MB/s a core, of words and pairs."""
MADE = 2 * 1500 * 1000 - 1500
"""Words and pairs of the texts that are made here."""
BATCH, TURNS = 512, 3
DOCUMENTS, WORDS = 1500, 1000


def made_texts() -> list[str]:
    """Texts of words with the frequencies of a language."""
    draw = np.random.default_rng(0)
    letters = np.array(list("etaoinshrdlucmfwyp"))
    words = ["".join(draw.choice(letters, size)) for size in draw.integers(1, 11, 20_000)]
    ranks = np.minimum(draw.zipf(1.2, (DOCUMENTS, WORDS)), len(words)) - 1
    return [" ".join(words[rank] for rank in row) for row in ranks]


def read_texts(files: list[Path], most: int) -> list[str]:
    """The first texts of each file."""
    found: list[str] = []
    for file in files:
        found += pq.read_table(file, columns=["text"])["text"].to_pylist()
    step = max(1, len(found) // most)
    return found[::step][:most]


def seconds(act: Callable[[list[str]], object], texts: list[str]) -> float:
    """Processor seconds of one turn."""
    before = time.process_time()
    for start in range(0, len(texts), BATCH):
        act(texts[start : start + BATCH])
    return time.process_time() - before


def main() -> int:
    """Print a line for each side; 1 where the goal does not hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--documents", type=int, default=DOCUMENTS)
    chosen = parser.parse_args()
    from sklearn.feature_extraction.text import HashingVectorizer

    texts = read_texts(chosen.files, chosen.documents) if chosen.files else made_texts()
    size = sum(len(text.encode()) for text in texts) / 1e6
    print(f"{len(texts):,} documents, {size:.1f} MB")
    draw = np.random.default_rng(0)
    weights = Weights(draw.integers(-(2**20), 2**20, (1, BUCKETS), np.int32), np.zeros(1))
    vectorizer = HashingVectorizer(
        n_features=BUCKETS, alternate_sign=False, ngram_range=(1, 2), token_pattern=r"[^\W_]+"
    )
    dense = draw.normal(size=BUCKETS)
    sides: dict[str, Callable[[list[str]], object]] = {
        "words and pairs": lambda batch: HashedNgrams("words").ask(batch, weights),
        "HashingVectorizer, words and pairs": lambda batch: vectorizer.transform(batch) @ dense,
        "runs of 4 and 6 bytes": lambda batch: HashedNgrams("characters").ask(batch, weights),
    }
    best = dict.fromkeys(sides, float("inf"))
    with threadpool_limits(1):
        for _ in range(TURNS):
            for name, act in sides.items():
                best[name] = min(best[name], seconds(act, texts))
    for name, spent in best.items():
        print(f"{name:<36} {size / spent:7.1f} MB/s {len(texts) / spent:10,.0f} documents/s")
    scores = HashedNgrams("words").ask(texts, weights)[:, 1]
    alone = [HashedNgrams("words").ask([text], weights)[0, 1] for text in texts[:100]]
    same = alone == scores[:100].tolist()
    ngrams = sum(len(one.buckets) for layers in hash_texts(texts, "words") for one in layers)
    changed = not chosen.files and chosen.documents == DOCUMENTS and ngrams != MADE
    print(f"{ngrams:,} words and pairs; alone the same as in a batch: {same}")
    return int(size / best["words and pairs"] < GOAL or not same or changed)


if __name__ == "__main__":
    sys.exit(main())
