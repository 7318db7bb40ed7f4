"""Quality heuristics beside datatrove's: the same decisions, and their speed with two workers.

    python bench/quality.py PASSAGES DATATROVE_PYTHON [DOCUMENTS]

PASSAGES is a glob of JSONL.gz files with a field `text`; DATATROVE_PYTHON an interpreter that has
datatrove and regex. Words are what white space separates, and sentences what `c4` says, on both
sides. Every fourth passage is bent so that some rule drops it. Speed is of processor time, both
workers together, so that what else the machine does takes no part; the time that passed is printed
too. Ends with 1 where a decision is other than the other side's, a rule dropped nothing, or, over
the passages that it was made for, the counts are other than stated.
"""

import glob
import gzip
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from multiprocessing import Pool
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from alignment_dagster.scoring import SCORERS, ScoringContext, score
from alignment_dagster.scoring.quality.c4 import SENTENCE_BREAK

WORKERS = 2
CHUNK = 512
DROPPED = {"gopher_quality": 1835, "gopher_repetition": 1829, "c4": 1802, "fineweb": 2878}
"""Of all 17,078 documents that the 17,076 book passages give."""
RULES: Mapping[str, tuple[tuple[str, str, float], ...]] = {
    "gopher_quality": (
        ("gopher.words", "below", 50),
        ("gopher.words", "above", 100_000),
        ("gopher.mean_word_length", "below", 3),
        ("gopher.mean_word_length", "above", 10),
        ("gopher.hash_ratio", "above", 0.1),
        ("gopher.ellipsis_ratio", "above", 0.1),
        ("gopher.bullet_lines", "above", 0.9),
        ("gopher.ellipsis_lines", "above", 0.3),
        ("gopher.alphabetic_words", "below", 0.8),
        ("gopher.stop_words", "below", 2),
    ),
    "gopher_repetition": (
        ("gopher.duplicate_lines", "above", 0.3),
        ("gopher.duplicate_paragraphs", "above", 0.3),
        ("gopher.duplicate_line_characters", "above", 0.2),
        ("gopher.duplicate_paragraph_characters", "above", 0.2),
        *(
            (f"gopher.top_{n}_gram", "above", bound)
            for n, bound in ((2, 0.2), (3, 0.18), (4, 0.16))
        ),
        *((f"gopher.duplicate_{n}_grams", "above", (20 - n) / 100) for n in range(5, 11)),
    ),
    "c4": (
        ("c4.sentences", "below", 5),
        ("c4.lorem_ipsum", "above", 0.5),
        ("c4.curly_bracket", "above", 0.5),
    ),
    "fineweb": (
        ("fineweb.terminal_lines", "below", 0.12),
        ("fineweb.short_lines", "above", 0.67),
        ("fineweb.repeated_characters", "above", 0.01),
        ("fineweb.newlines", "above", 0.3),
    ),
}
"""Filter → the rules any of which drops a document, with the bounds that datatrove has."""
BENT: tuple[Callable[[str], str], ...] = (
    lambda text: text[:200],
    lambda text: text[:300] * 12,
    lambda text: "\n".join(f"- {line}" for line in text.splitlines()),
    lambda text: text.replace(".", "...\n"),
    lambda text: text.replace(" ", " # ", 150),
    lambda text: text + "\nfunction () { return that of the river. }\n" * 3,
    lambda text: text.replace("the", "1234"),
    lambda text: "\n".join(text.split()),
    lambda text: text.replace(" ", ""),
    lambda text: "\n\n".join([text[:900]] * 3) + text,
    lambda text: f"{text}\nSed ut lorem ipsum dolor sit amet.\n",
    lambda text: " ".join(word.upper() for word in text.split()),
    lambda text: text + " the same words of a song come again" * 40,
    lambda text: "\n" + text.replace("\n", "\n\n\n") + "\n",
)


def main() -> int:
    """Run both sides, and compare; 1 where they differ."""
    passages, datatrove = sys.argv[1:3]
    texts = list(_texts(passages, int(sys.argv[3]) if len(sys.argv) > 3 else None))
    texts += [" ".join(texts[0][:400]), texts[0] * 130]
    size = sum(len(text.encode()) for text in texts) / 1e6
    print(f"{len(texts):,} documents, {size:.1f} MB, {WORKERS} workers")
    ours, seconds = _ours(texts)
    theirs, their_seconds = _theirs(texts, datatrove)
    for side, (cpu, wall) in {"this project": seconds, "datatrove": their_seconds}.items():
        rate = WORKERS * len(texts) / cpu
        print(f"{side}: {rate:,.0f} documents/s ({wall:.0f} s passed)")
    print(f"{their_seconds[0] / seconds[0]:.1f} times as fast")
    idle = [rule for rules in RULES.values() for rule in rules if not ours[str(rule)]]
    print(f"rules that dropped nothing: {idle or 'none'}")
    wrong = len(idle)
    if len(texts) == 17_078:
        wrong += {name: sum(ours[name]) for name in RULES} != DROPPED
    for name in RULES:
        pairs = list(zip(ours[name], theirs[name], strict=True))
        other = [place for place, (one, two) in enumerate(pairs) if one != two]
        wrong += len(other)
        print(f"{name}: {sum(ours[name]):,} dropped, {sum(theirs[name]):,} by datatrove; "
              f"{len(other)} decisions differ {other[:5] or ''}")  # fmt: skip
    return int(wrong > 0)


def _texts(passages: str, most: int | None) -> Iterator[str]:
    count = 0
    for path in sorted(glob.glob(passages)):
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            for line in lines:
                if count == most:
                    return
                text = json.loads(line)["text"]
                yield BENT[count // 4 % len(BENT)](text) if count % 4 == 3 else text
                count += 1


def _ours(texts: list[str]) -> tuple[Mapping[str, list[bool]], tuple[float, float]]:
    """Filter (and rule) → what it drops, and the seconds of the processors and of the clock."""
    with Pool(WORKERS) as pool:
        pool.map(_decide, [[""]] * WORKERS, chunksize=1)
        start = time.perf_counter()
        parts = [texts[place : place + CHUNK] for place in range(0, len(texts), CHUNK)]
        found = pool.map(_decide, parts, chunksize=1)
        passed = time.perf_counter() - start
    dropped = {name: [one for part, _ in found for one in part[name]] for name in RULES}
    by_rule = {
        str(rule): [True for part, _ in found if part[str(rule)]]
        for rules in RULES.values()
        for rule in rules
    }
    return {**dropped, **by_rule}, (sum(cpu for _, cpu in found), passed)


def _decide(texts: list[str]) -> tuple[Mapping[str, Any], float]:
    start = time.process_time()
    documents = pa.table({"document_id": [str(n) for n in range(len(texts))], "text": texts})
    scores = {
        f"{name}.{column}": values.to_numpy()
        for name in ("gopher", "c4", "fineweb")
        for column, values in _columns(name, documents)
    }
    dropped: dict[str, Any] = {}
    for name, rules in RULES.items():
        hits = {rule: _beyond(scores[rule[0]], rule[1], rule[2]) for rule in rules}
        dropped[name] = np.logical_or.reduce(list(hits.values())).tolist()
        dropped |= {str(rule): bool(hit.any()) for rule, hit in hits.items()}
    return dropped, time.process_time() - start


def _beyond(values: np.ndarray, side: str, bound: float) -> np.ndarray:
    return values > bound if side == "above" else values < bound


def _columns(name: str, documents: pa.Table) -> Iterator[tuple[str, pa.ChunkedArray]]:
    table = score(documents, SCORERS[name], ScoringContext(Path())).table
    return zip(table.column_names[1:], table.columns[1:], strict=True)


def _theirs(texts: list[str], python: str) -> tuple[Mapping[str, list[bool]], tuple[float, float]]:
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump({"texts": texts, "break": SENTENCE_BREAK, "workers": WORKERS}, file)
        file.flush()
        script = Path(__file__).with_name("quality_datatrove.py")
        done = subprocess.run(
            [python, str(script), file.name], check=True, capture_output=True, text=True
        )
    answer = json.loads(done.stdout.splitlines()[-1])
    return answer["dropped"], (answer["processor_seconds"], answer["seconds"])


if __name__ == "__main__":
    sys.exit(main())
