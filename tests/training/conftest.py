"""A tiny tokenizer and mix, and jobs that are finished."""

from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from alignment_dagster.foundation.job import Progress
from alignment_dagster.training.jobs import PostTrainJob, PretrainJob
from alignment_dagster.training.post_training.post_train import post_train
from alignment_dagster.training.pretraining.pretrain import pretrain
from tests.support.training_jobs import LENGTH, Jobs, sentence

SPECIAL = ["<|endoftext|>", "<|system|>", "<|user|>", "<|assistant|>", "<|end|>"]
TEMPLATE = (
    "{% for message in messages %}{{ '<|' + message['role'] + '|>' }}{{ message['content'] }}"
    "{{ '<|end|>' }}{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)


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


@pytest.fixture
def jobs(tmp_path: Path, mix: Path, tokenizer: Path) -> Jobs:
    return Jobs(tmp_path, mix, tokenizer)


@pytest.fixture(scope="session")
def pretrained(tmp_path_factory: pytest.TempPathFactory, mix: Path, tokenizer: Path) -> PretrainJob:
    """A finished pretraining job."""
    job = Jobs(tmp_path_factory.mktemp("pretrained"), mix, tokenizer).pretraining("a")
    pretrain(job, Progress(Path(job.work)))
    return job


@pytest.fixture(scope="session")
def post_trained(
    tmp_path_factory: pytest.TempPathFactory, pretrained: PretrainJob, mix: Path, tokenizer: Path
) -> PostTrainJob:
    """A finished post-training job."""
    jobs = Jobs(tmp_path_factory.mktemp("post"), mix, tokenizer)
    job = jobs.post_training("a", Path(pretrained.output))
    post_train(job, Progress(Path(job.work)))
    return job
