"""What `near_duplicates.py` compares with; run by an interpreter that has the peers.

    python near_duplicates_peers.py datatrove|rensa FOLDER WORKERS

Reads `FOLDER/*.jsonl` (fields `id`, `text`; words parted by single blanks) and prints the ids that
are removed, seconds, and processor seconds as JSON.
"""

import json
import os
import shutil
import sys
import time
from pathlib import Path

SIZE, THRESHOLD = 5, 0.8


def datatrove(folder: Path, workers: int) -> set[str]:
    """Its MinHash pipeline as its example has it: 14 buckets of 8 hashes, no verification."""
    from datatrove.executor import LocalPipelineExecutor
    from datatrove.pipeline.dedup import (
        MinhashDedupBuckets,
        MinhashDedupCluster,
        MinhashDedupFilter,
        MinhashDedupSignature,
    )
    from datatrove.pipeline.dedup.minhash import MinhashConfig
    from datatrove.pipeline.readers import JsonlReader
    from datatrove.pipeline.writers.jsonl import JsonlWriter

    config = MinhashConfig(n_grams=SIZE)
    place = folder / "datatrove"
    shutil.rmtree(place, ignore_errors=True)
    reader = JsonlReader(str(folder), glob_pattern="*.jsonl")
    signatures, buckets, removed = (str(place / name) for name in ("signatures", "buckets", "ids"))
    out = JsonlWriter(str(place / "kept"), compression=None)
    stages = (
        ([reader, MinhashDedupSignature(signatures, config)], workers),
        ([MinhashDedupBuckets(signatures, buckets, config=config)], config.num_buckets),
        ([MinhashDedupCluster(buckets, removed, config=config)], 1),
        ([reader, MinhashDedupFilter(removed), out], workers),
    )
    for number, (pipeline, tasks) in enumerate(stages):
        LocalPipelineExecutor(
            pipeline, tasks=tasks, workers=workers, logging_dir=str(place / f"logs{number}")
        ).run()
    kept = {
        json.loads(line)["id"]
        for path in (place / "kept").glob("*.jsonl")
        for line in path.open(encoding="utf-8")
    }
    return {one for one, _ in rows(folder)} - kept


def rensa(folder: Path, _workers: int) -> set[str]:
    """A plain script: MinHash of Python's shingles, LSH, and the estimate of each candidate."""
    from rensa import RMinHash, RMinHashLSH

    index = RMinHashLSH(threshold=THRESHOLD, num_perm=128, num_bands=16)
    kept, removed = {}, set()
    for number, (document, text) in enumerate(rows(folder)):
        words = text.split(" ")
        one = RMinHash(num_perm=128, seed=0)
        one.update([" ".join(words[i : i + SIZE]) for i in range(max(1, len(words) - SIZE + 1))])
        if any(one.jaccard(kept[other]) >= THRESHOLD for other in index.query(one)):
            removed.add(document)
        else:
            index.insert(number, one)
            kept[number] = one
    return removed


def rows(folder: Path) -> list[tuple[str, str]]:
    """Id and text of each document, in their order."""
    lines = (
        line for path in sorted(folder.glob("*.jsonl")) for line in path.open(encoding="utf-8")
    )
    return [(row["id"], row["text"]) for row in map(json.loads, lines)]


if __name__ == "__main__":
    name, place, number = sys.argv[1:]
    run = {"datatrove": datatrove, "rensa": rensa}[name]
    started = time.perf_counter()
    found = run(Path(place), int(number))
    spent = os.times()
    answer = {
        "removed": sorted(found),
        "seconds": time.perf_counter() - started,
        "processor": spent.user + spent.system + spent.children_user + spent.children_system,
    }
    print(json.dumps(answer))
