"""What a study of a thousand million parameters takes: on paper, from what was measured.

`python bench/scale.py --folder /tmp/scale --rate 80418 [--small 100000] [--large 400000]`

`--rate` is what one device was measured to train, in tokens a second (`alignment doctor STUDY`, or
`make gpu`). Rows and bytes of ledgers, and the time of the audit's commands, are measured on two
generated lakes (`audit_scale.py`) and extrapolated in a straight line: a column says so. Nothing
is measured between devices or machines.
"""

import argparse
import hashlib
import math
import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from alignment_dagster.foundation.home import Home
from alignment_dagster.preflight.estimate.sizes import checkpoint_bytes, state_bytes
from alignment_dagster.preflight.estimate.words import bytes_words, time_words
from bench.audit_scale import METRIC, SOURCES, STUDY, Sizes, measure, prepare

DEVICES = (8, 64, 512)
MACHINE = 8
"""Devices that one model's ranks can share: those of one machine."""
OPEN_CHECK = 1
"""`check` ends so: a generated lake has no records of Dagster and MLflow."""
CHARACTERS = 4
"""Of a token's text."""
STAGES = 3
"""Checkpoints of a replicate: base, SFT, DPO."""


@dataclass(frozen=True)
class Target:
    """The study on paper."""

    parameters: int = 1_000_000_000
    tokens: int = 100_000_000_000
    """Of each model."""
    recipes: int = 4
    seeds: int = 3
    sequence: int = 2048
    step: int = 256
    """Sequences."""
    vocabulary: int = 32_768
    document: int = 1_000
    """Tokens, in the mean."""
    answers: int = 100_000
    """Of each replicate."""

    @property
    def models(self) -> int:
        return self.recipes * self.seeds

    @property
    def rows(self) -> Mapping[str, int]:
        """Of each kind of table, in the whole lake."""
        documents, sequences = self.tokens // self.document, self.tokens // self.sequence
        return {
            "documents as read": documents,
            "documents of the warehouse": documents,
            "dispositions": documents * self.recipes,
            "documents of mixes": documents * self.recipes,
            "spans of mixes": (documents + sequences) * self.recipes,
            "steps of consumption": sequences // self.step * self.models,
            "answers": self.answers * self.models,
        }


@dataclass(frozen=True)
class Measured:
    """One generated lake."""

    documents: int
    rows: dict[str, int]
    bytes: dict[str, int]
    plain: int
    """Bytes that a check hashes: every file, and the tokens that each replicate read."""
    times: dict[str, tuple[float, float]]
    """Command → seconds and MiB."""


TABLES = {
    "documents as read": "raw_corpus/*/*/documents/*.parquet",
    "documents of the warehouse": "documents/*/*/*.parquet",
    "dispositions": "dispositions/*/*/*/pretraining.parquet",
    "documents of mixes": "curated_mix/*/*/documents.parquet",
    "spans of mixes": "curated_mix/*/*/spans.parquet",
    "steps of consumption": "pretrained_checkpoint/*/*/consumption.parquet",
    "answers": "evaluation/*/*/items.parquet",
}


def look(folder: Path, documents: int, repeats: int) -> Measured:
    """Make a lake of so many documents, and measure it."""
    sizes = Sizes(documents, max(100, documents // 100), documents)
    truth = prepare(folder, sizes)
    home, one = Home(folder), next(iter(truth["documents"]))
    lake = home.lake / STUDY
    files = {name: list(lake.glob(pattern)) for name, pattern in TABLES.items()}
    tokens = sum(path.stat().st_size for path in lake.glob("curated_mix/*/*/sequences.npy"))
    whole = sum(path.stat().st_size for path in lake.rglob("*") if path.is_file())
    commands = {
        "trace of a metric": ["trace", STUDY, METRIC],
        "trace of one document": ["trace", STUDY, METRIC, "--document", one],
        "impact of a source": ["impact", STUDY, f"source:{SOURCES[0]}"],
        "check": ["check", STUDY],
    }
    times = {}
    for name, arguments in commands.items():
        wall, _, memory = measure(home, arguments, repeats, (0, OPEN_CHECK))
        times[name] = wall, memory
    return Measured(
        documents,
        {name: sum(map(_rows, found)) for name, found in files.items()},
        {name: sum(one.stat().st_size for one in found) for name, found in files.items()},
        whole + tokens * len(sizes.seeds),
        times,
    )


def _rows(path: Path) -> int:
    count: int = pq.read_metadata(path).num_rows
    return count


def line(small: float, large: float, at: float, xs: tuple[float, float]) -> float:
    """The straight line through two points, at another place; never below the larger point."""
    slope = (large - small) / (xs[1] - xs[0])
    return max(large, large + slope * (at - xs[1]))


def hashing_rate() -> float:
    """Bytes a second of SHA-256, here and now."""
    block, began = os.urandom(1 << 24), time.perf_counter()
    for _ in range(16):
        hashlib.sha256(block).digest()
    return 16 * len(block) / (time.perf_counter() - began)


def training_rows(target: Target, rate: float) -> Iterator[list[str]]:
    """Devices, and how long the pretraining of all models takes on them."""
    whole = target.tokens * target.models / rate
    for devices in DEVICES:
        machines = devices // MACHINE
        rounds = math.ceil(target.models / machines)
        today = rounds * target.tokens / (rate * MACHINE)
        idle = 1 - whole / (today * devices)
        yield [
            str(devices),
            time_words(whole / devices),
            time_words(today),
            f"{idle:.0%}",
            f"{whole / 3600:,.0f}",
        ]


def lake_rows(target: Target, small: Measured, large: Measured) -> Iterator[tuple[list[str], int]]:
    """What lies in the lake, with its bytes."""
    for name, rows in target.rows.items():
        more = large.rows[name] - small.rows[name]
        each = (large.bytes[name] - small.bytes[name]) / more
        if name == "steps of consumption":
            # A row lists the sequences of its step: bytes go with these.
            own = large.rows["spans of mixes"] / large.rows[name]
            each = large.bytes[name] / large.rows[name] / own * target.step
        size = round(each * rows)
        yield [name, f"{rows:,}", f"{each:,.1f}", bytes_words(size), "extrapolated"], size
    texts = target.tokens * CHARACTERS
    yield ["their texts", "", "", bytes_words(texts), "assumed: not compressed"], texts
    tokens = target.tokens * target.recipes
    yield ["tokens of mixes", f"{tokens:,}", "2.0", bytes_words(2 * tokens), "exact"], 2 * tokens
    models = target.models * STAGES
    weights = models * checkpoint_bytes(target.parameters, target.vocabulary)
    yield ["checkpoints", f"{models}", "", bytes_words(weights), "exact"], weights


def audit_rows(target: Target, small: Measured, large: Measured, lake: int) -> Iterator[list[str]]:
    """The audit's commands at both sizes, and what a straight line makes of them."""
    documents = target.tokens // target.document
    xs, speed = (float(small.documents), float(large.documents)), hashing_rate()
    for name in small.times:
        (first, few), (second, many) = small.times[name], large.times[name]
        memory = line(few, many, documents, xs) * 2**20
        if name == "check":
            # Its bytes go at the speed of hashing; what is left of its time goes with the rows.
            first, second = first - small.plain / speed, second - large.plain / speed
            hashed = lake + 2 * target.tokens * target.models
            seconds = line(first, second, documents, xs) + hashed / speed
        else:
            seconds = line(first, second, documents, xs)
        found = (one.times[name] for one in (small, large))
        measured = [f"{wall:.1f} s, {held:,.0f} MiB" for wall, held in found]
        yield [name, *measured, time_words(seconds), bytes_words(memory)]


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """In Markdown."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def report(target: Target, rate: float, small: Measured, large: Measured) -> str:
    """All tables."""
    lake = list(lake_rows(target, small, large))
    whole = sum(size for _, size in lake)
    rows = [row for row, _ in lake] + [["all", "", "", bytes_words(whole), ""]]
    state = bytes_words(2 * state_bytes(target.parameters))
    at = f"{small.documents:,} documents", f"{large.documents:,} documents"
    return "\n".join(
        [
            f"{target.parameters:,} parameters, {target.tokens:,} tokens, {target.recipes} "
            f"recipes, {target.seeds} seeds; {rate:,.0f} tokens/s a device; {target.document:,} "
            f"tokens a document, sequences of {target.sequence:,}, {target.step} a step.\n",
            table(
                ["devices", "if all scaled", "as it is: a model on 8", "idle", "device hours"],
                list(training_rows(target, rate)),
            ),
            f"Besides, up to {state} of states for each training that runs.\n",
            table(["lake", "rows", "bytes a row", "bytes", "how"], rows),
            table(
                ["audit", *at, "extrapolated", "memory, extrapolated"],
                list(audit_rows(target, small, large, whole)),
            ),
        ]
    )


def main() -> None:
    """Make two lakes, measure them, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--rate", type=float, required=True)
    parser.add_argument("--small", type=int, default=100_000)
    parser.add_argument("--large", type=int, default=400_000)
    parser.add_argument("--repeats", type=int, default=2)
    given = parser.parse_args()
    small, large = (
        look(given.folder / str(size), size, given.repeats) for size in (given.small, given.large)
    )
    print(report(Target(), given.rate, small, large))


if __name__ == "__main__":
    main()
