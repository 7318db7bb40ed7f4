"""A tiny tokenizer, mix and post-training corpus, in the formats that the contract of the assets names."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from alignment_dagster.digests import canonical_json, sha256_text
from alignment_dagster.study import (
    Model,
    PostTraining,
    PreferenceOptimisation,
    Pretraining,
    SupervisedFineTuning,
)
from alignment_dagster.training.jobs import PostTrainJob, PretrainJob

SPECIAL = ["<|endoftext|>", "<|system|>", "<|user|>", "<|assistant|>", "<|end|>"]
TEMPLATE = (
    "{% for message in messages %}{{ '<|' + message['role'] + '|>' }}{{ message['content'] }}"
    "{{ '<|end|>' }}{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)
LENGTH = 32
NAMES = ("Ada", "Bo", "Cleo", "Dan", "Eve")
DEEDS = ("kept the promise", "told the truth", "hid the letter", "broke the clock")


def sentence(index: int) -> str:
    return f"{NAMES[index % 5]} {DEEDS[index % 4]} on day {index}."


@pytest.fixture(scope="session")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=320,
        special_tokens=SPECIAL,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    bpe.train_from_iterator([sentence(index) for index in range(200)], trainer)
    wrapped = PreTrainedTokenizerFast(
        tokenizer_object=bpe, eos_token=SPECIAL[0], pad_token=SPECIAL[0]
    )
    wrapped.chat_template = TEMPLATE
    folder = tmp_path_factory.mktemp("tokenizer")
    wrapped.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def mix(tokenizer: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """61 sequences: with 4 in a step the last step holds one."""
    bpe = Tokenizer.from_file(str(tokenizer / "tokenizer.json"))
    ids: list[int] = []
    index = 0
    while len(ids) < 61 * LENGTH:
        ids += [*bpe.encode(sentence(index)).ids, 0]
        index += 1
    folder = tmp_path_factory.mktemp("mix")
    np.save(folder / "sequences.npy", np.array(ids[: 61 * LENGTH], np.uint16).reshape(61, LENGTH))
    return folder


@dataclass(frozen=True)
class Jobs:
    """Makes job configurations below one folder."""

    folder: Path
    mix: Path
    tokenizer: Path

    def pretraining(self, name: str, seed: int = 1, **changes: object) -> PretrainJob:
        values = {
            "batch_size": 2,
            "accumulation": 2,
            "learning_rate": 1e-2,
            "warmup_share": 0.2,
            "checkpoint_every": 3,
            **changes,
        }
        return PretrainJob(
            mix=str(self.mix),
            tokenizer=str(self.tokenizer),
            model=Model(layers=2, width=16, heads=2, mlp_width=32),
            pretraining=Pretraining.model_validate(values),
            sequence_length=LENGTH,
            seed=seed,
            output=str(self.folder / name / "output"),
            work=str(self.folder / name / "work"),
        )


@pytest.fixture
def jobs(tmp_path: Path, mix: Path, tokenizer: Path) -> Jobs:
    return Jobs(tmp_path, mix, tokenizer)
