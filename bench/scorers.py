"""Documents and megabytes a second of each scorer over book passages, and what it finds in them.

    python bench/scorers.py PASSAGES [DOCUMENTS]

PASSAGES is a glob of JSONL.gz files with a field `text`. One process; a second is one of the
processor's, so that what else the machine does takes no part. Results are counted (numbers and
flags added up, other columns' distinct values), and the bench ends with 1 where, over all passages,
they are other than `scorers_found.json` beside it says, where a scorer failed on a document, or
where one takes over ten times the median of all. `--write` states the counts anew.
"""

import glob
import gzip
import json
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from alignment_dagster.evaluation.suites.loader import load_suite
from alignment_dagster.preflight.studies import load_study
from alignment_dagster.scoring import SCORERS, ScoringContext, score
from alignment_dagster.scoring.scorer import NUMBERS

CHECKOUT = Path(__file__).resolve().parent.parent
FOUND = Path(__file__).with_name("scorers_found.json")
TODAY = ("text_stats", "fingerprint", "ai_discourse", "contamination")
"""What every study has."""
PROCESSES = 2
SLOWEST = 10


def main() -> int:
    """Read, score with each scorer in turn, and compare."""
    options = [one for one in sys.argv[1:] if not one.startswith("--")]
    most = int(options[1]) if len(options) > 1 else None
    paths = sorted(glob.glob(options[0]))
    if not paths:
        print(f"there are no passages at {options[0]}")
        return 0
    start = time.process_time()
    documents = pa.table({"text": list(_texts(paths, most))})
    reading = time.process_time() - start
    ids = [str(number) for number in range(documents.num_rows)]
    documents = documents.append_column("document_id", pa.array(ids))
    size = pc.sum(pc.binary_length(documents["text"])).as_py() / 1e6
    print(f"{documents.num_rows:,} documents, {size:.1f} MB; read at {size / reading:.1f} MB/s")
    study = load_study("quickstart", CHECKOUT / "assets")
    items = [item for suite in study.suites for item in load_suite(suite, study.assets)]
    context = ScoringContext(study.assets, items)
    seconds, found, failed = {}, {}, 0
    for name, scorer in SCORERS.items():
        score(documents.slice(0, 2), scorer, context)
        start = time.process_time()
        scored = score(documents, scorer, context)
        seconds[name] = time.process_time() - start
        failed += scored.failures.num_rows
        found[name] = {column: _count(scored.table[column]) for column in scorer.columns}
        rate = documents.num_rows / seconds[name]
        print(f"{name:14} {rate:9,.0f} documents/s {size / seconds[name]:7.1f} MB/s  {found[name]}")
    for title, names in (("the four of every study", TODAY), ("all scorers", tuple(SCORERS))):
        spent = reading + sum(seconds[name] for name in names)
        print(f"read and scored by {title}: {PROCESSES * size / spent:.1f} MB/s, two processes")
    slow = [n for n, s in seconds.items() if s > SLOWEST * statistics.median(seconds.values())]
    print(f"over {SLOWEST} times the median: {slow or 'none'}; failures: {failed}")
    return int(bool(slow) or failed > 0 or (most is None and _differs(found)))


def _texts(paths: Sequence[str], most: int | None) -> Iterator[str]:
    count = 0
    for path in paths:
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            for line in lines:
                if count == most:
                    return
                yield json.loads(line)["text"]
                count += 1


def _count(column: pa.ChunkedArray) -> float | int:
    if column.type in NUMBERS:
        return round(pc.sum(pc.cast(column, pa.float64())).as_py(), 3)
    if pa.types.is_list(column.type):
        return len(pc.list_flatten(column))
    return pc.count_distinct(column).as_py()


def _differs(found: dict[str, dict[str, float | int]]) -> bool:
    if "--write" in sys.argv or not FOUND.exists():
        FOUND.write_text(json.dumps(found, indent=1) + "\n")
    stated = json.loads(FOUND.read_text())
    other = {
        f"{name}.{column}: {value}, and {stated.get(name, {}).get(column)} is stated"
        for name, columns in found.items()
        for column, value in columns.items()
        if stated.get(name, {}).get(column) != value
    }
    print("\n".join(sorted(other)) or "the counts are those stated")
    return bool(other)


if __name__ == "__main__":
    sys.exit(main())
