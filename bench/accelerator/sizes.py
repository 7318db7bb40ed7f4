"""The models and data of the table, as they are on a GPU and scaled down for a CPU."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from alignment_dagster.study import Model, Pretraining


@dataclass(frozen=True)
class Size:
    """One row of the table."""

    model: Model
    length: int
    batch: int
    steps: int
    """Timed ones."""
    vocabulary: int = 32_768


WARM_STEPS = 4
"""Before the timed ones: compilation, and the optimizer's first state."""

GPU = {
    "124M": Size(Model(layers=12, width=768, heads=12, mlp_width=2048), 1024, 32, 40),
    "350M": Size(Model(layers=24, width=1024, heads=16, mlp_width=2816), 2048, 16, 20),
    "1B": Size(Model(layers=18, width=2048, heads=16, mlp_width=5632), 2048, 8, 16),
}
CPU = {"tiny": Size(Model(layers=2, width=64, heads=2, mlp_width=128), 64, 4, 4, 512)}
SCALES = {"gpu": GPU, "cpu": CPU}
SMALL = {
    "gpu": Size(Model(layers=4, width=512, heads=8, mlp_width=1408), 512, 8, 24, 8_192),
    "cpu": Size(Model(layers=2, width=32, heads=2, mlp_width=64), 32, 4, 60, 320),
}
"""What correctness is tried with."""


def training(size: Size, precision: str) -> Pretraining:
    """The same steps for every side."""
    return Pretraining(
        batch_size=size.batch, learning_rate=6e-4, warmup_share=0.1, precision=precision
    )


def sequences(size: Size, count: int) -> NDArray[np.uint16]:
    """Tokens that can be learned: pieces of a few hundred phrases, words as frequent as Zipf's."""
    draw = np.random.default_rng(0)
    share = 1 / np.arange(1, size.vocabulary - 3)
    words = draw.choice(size.vocabulary - 4, size=(256, 32), p=share / share.sum()) + 4
    phrases = draw.integers(0, len(words), (count, -(-size.length // 32)))
    return words[phrases].reshape(count, -1)[:, : size.length].astype(np.uint16)
