"""The best learning rate by width and depth, with `tuned_at` and without: the same text and steps.

    python bench/size_transfer.py PASSAGES [--steps 100]

PASSAGES is a glob of JSONL.gz files with a field `text`. Every model reads the same sequences in
the same order, in one process; a cell is the mean loss of the last tenth of the steps. Ends with 1
where with `tuned_at` some size's best rate is more than one place away from that of the size that
it was tuned at.
"""

import argparse
import glob
import gzip
import json
import sys
import tempfile
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from alignment_dagster.mixing.tokenizer import load_tokenizer, train_tokenizer
from alignment_dagster.study import Model, Pretraining
from alignment_dagster.training.model_folder import read_tokenizer
from alignment_dagster.training.pretraining.data import PackedMix
from alignment_dagster.training.pretraining.loop import Loop
from alignment_dagster.training.pretraining.model import build_model

RATES = [0.001 * 2**power for power in range(7)]
SIZES = [(32, 2), (128, 2), (256, 2), (32, 8)]
TUNED_AT = {"width": 32, "layers": 2}
HEAD, LENGTH, BATCH, VOCABULARY = 16, 128, 8, 2048
Tokens = NDArray[np.uint16]


def main() -> None:
    """Train every size at every rate, and print two tables."""
    parser = argparse.ArgumentParser()
    parser.add_argument("passages")
    parser.add_argument("--steps", type=int, default=100)
    given = parser.parse_args()
    torch.set_num_threads(2)
    moved = 0
    with tempfile.TemporaryDirectory() as name:
        tokens = _tokens(given.passages, Path(name), given.steps)
        for tuned in (False, True):
            print(f"\n{'tuned at width 32, 2 layers' if tuned else 'rates as they are'}")
            print("width layers " + " ".join(f"{rate:7.4f}" for rate in RATES) + "   best")
            best = {}
            for width, layers in SIZES:
                losses = [
                    _train(Path(name), tokens, width, layers, rate, tuned=tuned) for rate in RATES
                ]
                best[width, layers] = place = int(np.nanargmin(losses))
                row = " ".join(f"{loss:7.3f}" for loss in losses)
                print(f"{width:5} {layers:6} {row} {RATES[place]:7.4f}", flush=True)
            if tuned:
                moved = max(abs(place - best[32, 2]) for place in best.values())
    print(f"\nwith `tuned_at` the best rate moves by at most {moved} of {len(RATES) - 1} places")
    sys.exit(moved > 1)


def _tokens(passages: str, folder: Path, steps: int) -> Tokens:
    """(sequences, LENGTH) Documents end to end."""
    wanted = steps * BATCH * LENGTH
    train_tokenizer(list(islice(_texts(passages), 500)), VOCABULARY, folder)
    tokenizer = load_tokenizer(folder)
    found: list[int] = []
    for text in _texts(passages):
        found += tokenizer.encode(text).ids
        if len(found) >= wanted:
            return np.array(found[:wanted], np.uint16).reshape(-1, LENGTH)
    raise SystemExit(f"{len(found):,} of {wanted:,} tokens: more passages or fewer --steps")


def _texts(passages: str) -> Iterator[str]:
    for path in sorted(glob.glob(passages)):
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            yield from (json.loads(line)["text"] for line in lines)


def _train(
    folder: Path, tokens: Tokens, width: int, layers: int, rate: float, *, tuned: bool
) -> float:
    size = {"layers": layers, "width": width, "heads": width // HEAD, "mlp_width": 3 * width}
    declared = Model.model_validate({**size, **({"tuned_at": TUNED_AT} if tuned else {})})
    model = build_model(declared, read_tokenizer(folder), LENGTH, seed=0)
    pretraining = Pretraining(batch_size=BATCH, learning_rate=rate, warmup_share=0.1)
    loop = Loop(model, PackedMix(tokens), pretraining, seed=0, size=declared)
    while not loop.done:
        loop.step()
    last = [row["loss"] for row in loop.state.log[-max(1, loop.steps // 10) :]]
    return float(np.mean(np.array(last, float)))


if __name__ == "__main__":
    main()
