"""What recipes cost that differ in the last tenth: trained once and branched, or each from nothing.

`python bench/trunks.py [--recipes 4] [--steps 300]`

One side trains every recipe from nothing. The other trains the shared nine tenths once, goes on
from there to the end of the trunk's own mix, and branches to each other recipe's. Steps are counted
in the ledgers of all that was trained; seconds are of the processor and by the clock, of whole
processes, their start included.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ["HF_HUB_OFFLINE"] = "1"

import numpy as np
import pyarrow.parquet as pq

from alignment_dagster.lineage import file_names
from alignment_dagster.mixing.tokenizer import train_tokenizer
from alignment_dagster.study import Model, Pretraining
from alignment_dagster.training.jobs import PretrainJob, TrunkSteps

MODEL = Model(layers=2, width=128, heads=4, mlp_width=384)
LENGTH, BATCH, SHARE = 160, 4, 0.9
MODULE = "alignment_dagster.training.pretraining.pretrain"


@dataclass
class Cost:
    """Of everything that was trained so far."""

    steps: int = 0
    processor: float = 0.0
    clock: float = 0.0


def main() -> None:
    """Train both sides, and print what the first K recipes cost of one that is trained alone."""
    arguments = _arguments()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        before = round(SHARE * arguments.steps)
        _inputs(folder, arguments.recipes, arguments.steps, before)
        apart = [_train(folder, "whole", f"apart-{n}") for n in range(arguments.recipes)]
        trunk = _train(folder, "whole", "trunk", branch_steps=(before,))
        own = TrunkSteps(recipe="trunk", steps=before, same_mix=True)
        other = own.model_copy(update={"same_mix": False})
        state = str(folder / "output-trunk" / file_names.state(before))
        shared = [_train(folder, "whole", "own", trunk=own, state=state)]
        shared += [
            _train(folder, f"rest-{n}", f"branch-{n}", trunk=other, state=state)
            for n in range(1, arguments.recipes)
        ]
    one = apart[0]
    columns = [
        f"{what} {side}"
        for what in ("steps", "processor s", "clock s")
        for side in ("apart", "with a trunk", "of one")
    ]
    print(f"| recipes | {' | '.join(columns)} |")
    print("| --- " * (1 + len(columns)) + "|")
    for count in range(1, arguments.recipes + 1):
        sides = _sum(apart[:count]), _sum([trunk, *shared[:count]])
        cells: list[str] = []
        for field in ("steps", "processor", "clock"):
            found = [getattr(side, field) for side in sides]
            cells += [
                *(f"{value:,.0f}" for value in found),
                f"{found[1] / getattr(one, field):.2f}",
            ]
        print(f"| {count} | {' | '.join(cells)} |")


def _sum(parts: list[Cost]) -> Cost:
    return Cost(*(sum(getattr(one, name) for one in parts) for name in vars(parts[0])))


def _inputs(folder: Path, recipes: int, steps: int, before: int) -> None:
    """A mix for the whole training, and one for the last steps of each other recipe."""
    (folder / "tokenizer").mkdir()
    stories = ["A story of the mill and of the harbour."] * 50
    train_tokenizer(stories, 300, folder / "tokenizer")
    draw = np.random.default_rng(0)
    rest = {f"rest-{number}": steps - before for number in range(1, recipes)}
    for name, count in {"whole": steps, **rest}.items():
        (folder / name).mkdir()
        tokens = draw.integers(0, 260, (count * BATCH, LENGTH)).astype(np.uint16)
        np.save(folder / name / file_names.SEQUENCES, tokens)


def _train(folder: Path, mix: str, name: str, **where: Any) -> Cost:
    output = folder / f"output-{name}"
    job = PretrainJob(
        mix=str(folder / mix),
        tokenizer=str(folder / "tokenizer"),
        model=MODEL,
        pretraining=Pretraining(batch_size=BATCH, learning_rate=0.001),
        sequence_length=LENGTH,
        seed=0,
        output=str(output),
        work=str(folder / f"work-{name}"),
        **where,
    )
    config = folder / f"{name}.json"
    config.write_text(job.model_dump_json())
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    command = [sys.executable, "-m", MODULE, str(config)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    clock = time.perf_counter() - started
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    steps = pq.read_metadata(output / file_names.CONSUMPTION).num_rows
    return Cost(steps, spent, clock)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--recipes", type=int, default=4)
    parser.add_argument("--steps", type=int, default=300)
    return parser.parse_args()


if __name__ == "__main__":
    main()
