"""Near duplicates of known truth among real passages: ours, datatrove's MinHash, a rensa script.

    python -m venv /tmp/peers
    /tmp/peers/bin/pip install "datatrove[io]==0.10.1" rensa==0.5.0 \\
        spacy==3.8.18 tokenizers regex "xxhash<4"
    python bench/near_duplicates.py --peers /tmp/peers/bin/python    # ALIGNMENT_DATA

17,076 passages of books, and 600 made from them: exact copies, light edits, and texts that share
70 to 100 % of their words. The truth is a join of all shingles in DuckDB, which shares no code
with ours but the words. Counts that differ from `EXPECTED` are an error.
"""

import argparse
import gzip
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import xxhash

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from alignment_dagster.deduplication.digest_tasks import digest_parts
from alignment_dagster.deduplication.digests import parts_of, read_digests
from alignment_dagster.deduplication.earlier_search import Parted, read_search, save_search
from alignment_dagster.deduplication.measure import Measure
from alignment_dagster.deduplication.pairs import find_pairs
from alignment_dagster.deduplication.selection import select_kept
from alignment_dagster.engines.local import WORKERS_VARIABLE
from alignment_dagster.foundation.digests import sha256_file
from alignment_dagster.foundation.home import data_folder
from alignment_dagster.scoring.normalise import normalise

SIZE, THRESHOLD, SHARD = 5, 0.8, 1024
EXPECTED = {"documents": 17676, "pairs": 460, "removed": 460, "recall": 1.0, "below": 0}
Documents = list[tuple[str, str]]
Similarities = dict[tuple[str, str], float]


def documents(data: Path) -> Documents:
    """The passages, and after them what was made from some."""
    rows = [
        json.loads(line)["text"]
        for path in sorted((data / "general").glob("books-*.jsonl.gz"))
        for line in gzip.decompress(path.read_bytes()).splitlines()
    ]
    draw = random.Random(0)
    made = [(f"passage-{number}", text) for number, text in enumerate(rows)]
    for number, chosen in enumerate(draw.sample(range(len(rows)), 600)):
        words = rows[chosen].split()
        if number < 150:
            text = rows[chosen]
        elif number < 400:
            edits = max(1, len(words) // draw.choice([200, 100, 60, 50, 45, 40]))
            for place in draw.sample(range(len(words)), edits):
                words[place] = draw.choice(words)
            text = " ".join(words)
        else:
            other = draw.choice(rows).split()
            shared = int(len(words) * draw.uniform(0.7, 1.0))
            text = " ".join(words[:shared] + other[: len(words) - shared])
        made.append((f"made-{number}", text))
    return made


def truth(found: Documents) -> Similarities:
    """Every pair with a Jaccard similarity of half or more."""
    numbers, hashes = [], []
    for number, (_, text) in enumerate(found):
        words = normalise(text)
        grams = {" ".join(words[i : i + SIZE]) for i in range(max(1, len(words) - SIZE + 1))}
        numbers += [number] * len(grams)
        hashes += [xxhash.xxh3_64_intdigest(gram.encode()) for gram in grams]
    shingles = pa.table(
        {"number": pa.array(numbers, pa.int32()), "hash": pa.array(hashes, pa.uint64())}
    )
    del numbers, hashes
    with duckdb.connect() as session:
        session.register("shingles", shingles)
        rows = session.sql(
            """
            with shared as (
                select one.number as later, other.number as earlier, count(*) as shared
                from shingles as one
                join shingles as other on other.hash = one.hash and other.number < one.number
                group by all
            ),
            sizes as (select number, count(*) as size from shingles group by number)
            select later, earlier, shared / (one.size + other.size - shared) as similarity
            from shared
            join sizes as one on one.number = later
            join sizes as other on other.number = earlier
            where similarity >= 0.5
            """
        ).fetchall()
    return {(found[later][0], found[earlier][0]): value for later, earlier, value in rows}


def ours(found: Documents, folder: Path, workers: int) -> dict[str, Any]:
    """From Parquet files to what is removed for what."""
    paths = write_shards(found, folder / "ours")
    processor = sum(os.times()[:4])
    started = time.perf_counter()
    removed = search(paths, folder / f"cache{workers}", workers)
    return {
        "removed": sorted(removed),
        "seconds": time.perf_counter() - started,
        "processor": sum(os.times()[:4]) - processor,
    }


def write_shards(found: Documents, folder: Path) -> list[Path]:
    """The documents as Parquet files of `SHARD` documents."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for start in range(0, len(found), SHARD):
        ids, texts = zip(*found[start : start + SHARD], strict=True)
        paths.append(folder / f"{start:06d}.parquet")
        pq.write_table(pa.table({"document_id": ids, "text": texts}), paths[-1], compression="zstd")
    return paths


def search(paths: Iterable[Path], cache: Path, workers: int) -> set[str]:
    """What is removed: exact copies, and near duplicates of what is kept."""
    parts = [part for path in paths for part in parts_of(path, sha256_file(path))]
    os.environ[WORKERS_VARIABLE] = str(workers)
    digest_parts(parts, SIZE, cache)
    names = [part.name(SIZE) for part in parts]
    parted = Parted.of([(name, read_digests(cache / name)) for name in names])
    kept = cache / "search.npz"
    pairs = find_pairs(parted.documents, Measure("jaccard", THRESHOLD), read_search(kept, parted))
    save_search(kept, parted, pairs)
    numbers = select_kept(pairs).later
    copies = (~parted.documents.is_first).nonzero()[0]
    return {one for chosen in (numbers, copies) for one in parted.documents.ids(chosen).to_pylist()}


def peer(name: str, python: str, folder: Path) -> dict[str, Any]:
    """One of the peers, in its own interpreter."""
    command = [
        python,
        str(Path(__file__).with_name("near_duplicates_peers.py")),
        name,
        str(folder),
        "2",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{name}: {done.stderr[-2000:]}")
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


def counts(removed: set[str], similar: Similarities) -> dict[str, float]:
    """Of a result: pairs that are not both kept, and removals that no kept document explains."""
    pairs = [pair for pair, value in similar.items() if value >= THRESHOLD]
    caught = sum(not removed.isdisjoint(pair) for pair in pairs)
    explained = {
        one
        for pair in pairs
        for one, other in (pair, pair[::-1])
        if one in removed and other not in removed
    }
    return {
        "removed": len(removed),
        "recall": caught / len(pairs),
        "below": len(removed - explained),
    }


def refresh(found: Documents, folder: Path) -> None:
    """One per cent more documents, in a shard of their own."""
    count = len(found) // 101
    paths = write_shards(found[:-count], folder / "before")
    cache = folder / "cache"
    seconds: Callable[[], float] = time.perf_counter
    started = seconds()
    search(paths, cache, 1)
    whole = seconds() - started
    pq.write_table(
        pa.table(
            dict(zip(("document_id", "text"), zip(*found[-count:], strict=True), strict=True))
        ),
        folder / "new.parquet",
    )
    started = seconds()
    again = search([*paths, folder / "new.parquet"], cache, 1)
    share = (seconds() - started) / whole
    fresh = search([*paths, folder / "new.parquet"], folder / "fresh", 1)
    print(f"{count} new documents: {share:.1%} of {whole:.1f} s, same result: {again == fresh}")


def main() -> None:
    """Measure, print the table, and hold the counts against `EXPECTED`."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--peers", help="an interpreter that has datatrove and rensa")
    peers = options.parse_args().peers
    data = data_folder()
    if data is None:
        raise SystemExit("ALIGNMENT_DATA is not set")
    found = documents(data)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        results = {f"ours, {n} workers": ours(found, folder, n) for n in (2, 1)}
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"peak memory of this process: {memory:.0f} MiB")
        refresh(found, folder / "refresh")
        if peers:
            lines = [
                json.dumps({"id": one, "text": " ".join(normalise(text))}) for one, text in found
            ]
            for half in (0, 1):
                middle = len(lines) // 2
                part = lines[middle:] if half else lines[:middle]
                (folder / f"{half}.jsonl").write_text("\n".join(part) + "\n")
            results |= {one: peer(one, peers, folder) for one in ("datatrove", "rensa")}
    similar = truth(found)
    pairs = sum(value >= THRESHOLD for value in similar.values())
    print(f"{len(found):,} documents, {pairs:,} pairs at or above {THRESHOLD}")
    print("| | documents/s | processor seconds | removed | recall | removed below |")
    print("|---|---|---|---|---|---|")
    wrong = []
    for one, result in results.items():
        row = counts(set(result["removed"]), similar)
        print(
            f"| {one} | {len(found) / result['seconds']:,.0f} | {result['processor']:.1f} "
            f"| {row['removed']:,} | {row['recall']:.3f} | {row['below']:,} |"
        )
        if one.startswith("ours"):
            got = {"documents": len(found), "pairs": pairs, **row}
            if got != EXPECTED:
                wrong.append(f"{one}: {got}")
    if wrong:
        raise SystemExit(f"counts differ: {'; '.join(wrong)}; expected {EXPECTED}")


if __name__ == "__main__":
    main()
