"""Mixing at size: seconds, memory, and the speed beside the tokenizer library's own batches.

    python bench/mixing.py [--documents 1000000] [--tokens 100000000] [--folder FOLDER]

A corpus of made-up documents of some hundred words in shards, all of them kept; a recipe of two
groups, one of them upsampled; a byte-level vocabulary of 8,192. The mix is made in a process of its
own, whose largest resident memory is stated, and then the library encodes the same texts in batches
(`encode_batch_fast`) in another. It ends with 1 where a token is missing from the mix.
"""

import argparse
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np

from alignment_dagster.mixing.mix import MixInputs, build_mix
from alignment_dagster.mixing.tokenizer import load_tokenizer, train_tokenizer
from alignment_dagster.study import Mix, Recipe, Upsampled

SHARD, WORDS, SEQUENCE, VOCABULARY = 32_768, 100, 1024, 8192
GROUPS = ("general", "aligned")
ALIGNED = 100
"""Each document of so many is of the upsampled group."""
LEXICON = [f"{a}{b}{c}" for a in "bdfgklmnprst" for b in "aeiou" for c in ("n", "r", "st", "lt")]
RECIPE = Recipe(
    name="upsampled",
    description="d",
    remainder=GROUPS[0],
    upsample=(Upsampled(group=GROUPS[1], share=0.05),),
)


def texts(count: int) -> Iterator[str]:
    """Made-up documents; the words of each are drawn at one place of a long row of them."""
    draw = random.Random(0)
    row = draw.choices(LEXICON, k=1_000_000)
    for number in range(count):
        start = draw.randrange(len(row) - 2 * WORDS)
        yield f"{number} " + " ".join(row[start : start + draw.randint(WORDS // 2, 2 * WORDS)])


def write_corpus(folder: Path, count: int) -> None:
    """Shards of documents and what is decided of them."""
    folder.mkdir(parents=True)
    decided = None
    found = texts(count)
    for start in range(0, count, SHARD):
        shard = [next(found) for _ in range(min(SHARD, count - start))]
        ids = [sha256(text.encode()).hexdigest() for text in shard]
        groups = [GROUPS[(start + number) % ALIGNED == 0] for number in range(len(shard))]
        pq.write_table(
            pa.table({"document_id": ids, "text": shard}),
            folder / f"{start // SHARD:05d}.parquet",
            row_group_size=1024,
        )
        table = pa.table(
            {
                "document_id": ids,
                "source": groups,
                "group": groups,
                "use": ["pretraining"] * len(shard),
                "state": ["kept"] * len(shard),
                "rule": pa.nulls(len(shard), pa.string()),
                "characters": [len(text) for text in shard],
            }
        )
        decided = decided or pq.ParquetWriter(folder / "dispositions.parquet", table.schema)
        decided.write_table(table)
    if decided:
        decided.close()
    (folder / "tokenizer").mkdir()
    train_tokenizer(list(texts(20_000)), VOCABULARY, folder / "tokenizer")


def shards(folder: Path) -> tuple[Path, ...]:
    """The files of documents."""
    return tuple(sorted(folder.glob("[0-9]*.parquet")))


def mix(folder: Path, tokens: int) -> dict[str, float]:
    """Make the mix; what it took."""
    inputs = MixInputs(shards(folder), folder / "dispositions.parquet", folder / "tokenizer")
    out = folder / "mix"
    out.mkdir()
    declared = Mix(tokens=tokens, sequence_length=SEQUENCE, max_repeats=1000.0)
    build_mix(inputs, RECIPE, declared, out, folder / "work", lambda _done, _total: None)
    lengths = np.fromfile(folder / "work" / "lengths.bin", np.int64).reshape(-1, 2)[:, 1]
    sequences = np.load(out / "sequences.npy", mmap_mode="r")
    return {"encoded": int(lengths.sum()), "tokens": int(sequences.size)}


def library(folder: Path, tokens: int) -> dict[str, float]:
    """Encode as many tokens as the mix did, and keep nothing."""
    tokenizer, encoded = load_tokenizer(folder / "tokenizer"), 0
    for path in shards(folder):
        for batch in pq.ParquetFile(path).iter_batches(1024, columns=["text"]):
            found = tokenizer.encode_batch_fast(batch["text"].to_pylist(), add_special_tokens=False)
            encoded += sum(len(one) + 1 for one in found)
        if encoded >= tokens:
            break
    return {"encoded": encoded, "tokens": encoded}


def measure(part: str, folder: Path, tokens: int) -> dict[str, float]:
    """One part in a process of its own: seconds, processor seconds, MiB."""
    command = [sys.executable, __file__, "--folder", str(folder), "--tokens", str(tokens)]
    done = subprocess.run([*command, "--part", part], stdout=subprocess.PIPE, text=True, check=True)
    answer: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return answer


def main() -> int:
    """Measure, and print a table."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--documents", type=int, default=1_000_000)
    options.add_argument("--tokens", type=int, default=100_000_000)
    options.add_argument("--folder", type=Path)
    options.add_argument("--part", choices=["mix", "library"])
    given = options.parse_args()
    if given.part:
        started, processor = time.perf_counter(), time.process_time()
        found = {"mix": mix, "library": library}[given.part](given.folder, given.tokens)
        found |= {
            "seconds": time.perf_counter() - started,
            "processor": time.process_time() - processor,
            "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        }
        print(json.dumps(found))
        return 0
    with tempfile.TemporaryDirectory(dir=given.folder) as name:
        folder = Path(name) / "corpus"
        write_corpus(folder, given.documents)
        made = measure("mix", folder, given.tokens)
        own = measure("library", folder, int(made["encoded"]))
    missing = given.tokens // SEQUENCE * SEQUENCE - made["tokens"]
    print(f"{given.documents:,} documents, {os.cpu_count()} cores, {missing:.0f} tokens missing")
    print("| | tokens encoded | tokens packed | seconds | processor seconds | peak MiB |")
    print("|---|---|---|---|---|---|")
    for label, row in (("mix", made), ("library's batches", own)):
        print(
            f"| {label} | {row['encoded']:,} | {row['tokens']:,} | {row['seconds']:.1f} "
            f"| {row['processor']:.1f} | {row['memory']:.0f} |"
        )
    speed = (made["encoded"] / made["seconds"]) / (own["encoded"] / own["seconds"])
    processor = (made["encoded"] / made["processor"]) / (own["encoded"] / own["processor"])
    print(f"of the library's speed: {speed:.0%} by seconds, {processor:.0%} by processor seconds")
    return int(missing != 0)


if __name__ == "__main__":
    sys.exit(main())
