"""Speed and memory of a pretraining in one process, and shared by ranks: same job, same run.

`python bench/ranks.py [--ranks 2] [--model quickstart] [--repeats 3]`

Both sides take the same steps on the same made-up sequences, one thread a process, and end in the
same bytes. Sides take turns, and the best of the repeats counts; only the training itself is timed,
not the start of the processes.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"

import numpy as np

from alignment_dagster.lineage.manifest import Manifest
from alignment_dagster.mixing.tokenizer import train_tokenizer
from alignment_dagster.study import Model, Pretraining
from alignment_dagster.training.jobs import PretrainJob

MODELS = {
    "85M": Model(layers=12, width=768, heads=12, mlp_width=2048),
    "25M": Model(layers=8, width=512, heads=8, mlp_width=1024),
    "quickstart": Model(layers=2, width=128, heads=4, mlp_width=384),
}
LENGTH, BATCH, STEPS = 160, 4, {"85M": 4, "25M": 12, "quickstart": 150}
ONE = "alignment_dagster.training.pretraining.pretrain"
SHARED = "alignment_dagster.training.pretraining.rank_processes"


def main() -> None:
    """Run both sides in turns, and print their best rates."""
    arguments = _arguments()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _inputs(folder, STEPS[arguments.model] * BATCH * arguments.ranks)
        sides: dict[str, list[tuple[float, float]]] = {ONE: [], SHARED: []}
        for turn in range(arguments.repeats):
            for module, found in sides.items():
                found.append(_train(folder, arguments, module, f"{module}-{turn}"))
        outputs = {Manifest.of(path).digest for path in folder.glob("output-*")}
        print("the bytes are the same" if len(outputs) == 1 else "THE BYTES DIFFER")
    (one, one_holds), (shared, each_holds) = (max(found) for found in sides.values())
    rates = f"one process {one:,.0f} tokens/s, {arguments.ranks} ranks {shared:,.0f} tokens/s"
    print(f"{rates}: {shared / one:.2f}x")
    print(f"peak memory {one_holds / 2**30:.2f} GiB, with ranks each {each_holds / 2**30:.2f} GiB")


def _inputs(folder: Path, sequences: int) -> None:
    (folder / "tokenizer").mkdir()
    draw = np.random.default_rng(0)
    stories = ["A story of the mill and of the harbour."] * 50
    train_tokenizer(stories, 300, folder / "tokenizer")
    tokens = draw.integers(0, 260, (sequences, LENGTH)).astype(np.uint16)
    np.save(folder / "sequences.npy", tokens)


def _train(
    folder: Path, arguments: argparse.Namespace, module: str, name: str
) -> tuple[float, float]:
    """Tokens a second of one training, and the bytes that its first process held at most."""
    training = Pretraining(
        batch_size=BATCH, accumulation=arguments.ranks, learning_rate=0.001, ranks=arguments.ranks
    )
    work = folder / f"work-{name}"
    job = PretrainJob(
        mix=str(folder),
        tokenizer=str(folder / "tokenizer"),
        model=MODELS[arguments.model],
        pretraining=training,
        sequence_length=LENGTH,
        seed=0,
        output=str(folder / f"output-{name}"),
        work=str(work),
    )
    config = folder / f"{name}.json"
    config.write_text(job.model_dump_json())
    subprocess.run(
        [sys.executable, "-m", module, str(config)], check=True, stdout=subprocess.DEVNULL
    )
    result = json.loads((work / "result.json").read_text())
    return float(result["tokens_per_second"]), float(result["peak_memory_bytes"])


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ranks", type=int, default=2)
    parser.add_argument("--model", choices=MODELS, default="quickstart")
    parser.add_argument("--repeats", type=int, default=3)
    return parser.parse_args()


if __name__ == "__main__":
    main()
