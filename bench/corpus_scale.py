"""How time and memory grow with a corpus, from Parquet to dispositions.

    python bench/corpus_scale.py [--documents 100000 1000000]

A study of one large source of made-up short documents, of which every tenth repeats another, is
read, scored by four scorers and decided, in a home of its own. States seconds, MB/s, and the most
memory of all processes together (proportional, so that what they share counts once), and how many
documents were kept and dropped; it ends with 1 where a count is another than it has to be.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pyarrow as pa
import pyarrow.parquet as pq

sys.path.insert(0, str(Path(__file__).parents[1]))
from tests.support import tiny_study

WORDS = 110
"""Of a document: about 700 characters."""
BATCH = 50_000
REPEATED = 10
"""Each document of so many has the words of the one before it, in capitals."""
EXPECTED = {100_000: 8_981, 1_000_000: 89_893}
"""Documents → exact duplicates that are dropped; those of held-out documents are held out."""
LEXICON = [f"{a}{b}{c}" for a in "bdfgklmnprst" for b in "aeiou" for c in ("n", "r", "st", "lt")]


def texts(count: int) -> Iterator[str]:
    """Made-up documents."""
    draw, last = random.Random(0), ""
    for number in range(count):
        if number % REPEATED == REPEATED - 1:
            yield last.upper()
        else:
            last = " ".join(draw.choices(LEXICON, k=WORDS)) + "."
            yield last


def write_source(path: Path, count: int) -> int:
    """Write the documents; their characters."""
    characters, batch = 0, list[str]()
    with pq.ParquetWriter(path, pa.schema([("text", pa.string())])) as writer:
        for text in texts(count):
            batch.append(text)
            characters += len(text)
            if len(batch) == BATCH:
                writer.write_table(pa.table({"text": batch}))
                batch = []
        if batch:
            writer.write_table(pa.table({"text": batch}))
    return characters


def memory(process: psutil.Process) -> int:
    """Bytes of a process and all below it."""
    total = 0
    for one in (process, *process.children(recursive=True)):
        try:
            total += one.memory_full_info().pss
        except psutil.Error:
            continue
    return total


def measure(count: int, folder: Path) -> dict[str, float]:
    """Run the study to its dispositions."""
    study = tiny_study.create(folder)
    characters = write_source(study.data / "stories.parquet", count)
    declared = {
        "name": "stories",
        "description": "Made-up words.",
        "licence": "CC0-1.0",
        "role": "corpus",
        "group": "natural",
        "ai_discourse": False,
        "reader": {"kind": "parquet", "path": "stories.parquet", "text": "text"},
    }
    study.write("sources/stories", declared)
    environment = {
        **os.environ,
        "ALIGNMENT_ASSETS": str(study.assets),
        "ALIGNMENT_DATA": str(study.data),
        "ALIGNMENT_HOME": str(folder / "home"),
    }
    command = [
        str(Path(sys.executable).parent / "alignment"),
        "run",
        "tiny",
        "--to",
        "dispositions",
    ]
    started, most = time.monotonic(), 0
    with (folder / "log.txt").open("w") as log:
        run = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        process = psutil.Process(run.pid)
        while run.poll() is None:
            most = max(most, memory(process))
            time.sleep(0.5)
    seconds = time.monotonic() - started
    if run.returncode:
        sys.exit((folder / "log.txt").read_text())
    (decided,) = (folder / "home").glob("lake/tiny/dispositions/*/*/unfiltered/pretraining.parquet")
    table = pq.read_table(decided, columns=["source", "rule"])
    rules = [row["rule"] for row in table.to_pylist() if row["source"] == "stories"]
    return {
        "documents": len(rules),
        "exact_duplicates": rules.count("exact_duplicate"),
        "mb": characters / 1e6,
        "seconds": round(seconds, 1),
        "mb_per_second": round(characters / 1e6 / seconds, 1),
        "peak_mib": round(most / 2**20),
    }


def main() -> int:
    """Measure each size; 1 where documents are missing, or duplicates were not found."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--documents", nargs="+", type=int, default=[*EXPECTED], choices=EXPECTED)
    wrong = 0
    for count in parser.parse_args().documents:
        with tempfile.TemporaryDirectory() as folder:
            found = measure(count, Path(folder))
        print(json.dumps(found), flush=True)
        wrong |= (found["documents"], found["exact_duplicates"]) != (count, EXPECTED[count])
    return int(wrong)


if __name__ == "__main__":
    sys.exit(main())
