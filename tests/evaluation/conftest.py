"""A tiny checkpoint with random weights, and suites made of a few lines."""

import json
from pathlib import Path
from typing import Any

import pytest

from alignment_dagster.study import Suite
from tests.support.drill_items import SuiteMaker

CHAT_TEMPLATE = (
    "{% for message in messages %}<|{{ message['role'] }}|>{{ message['content'] }}<|end|>"
    "{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
SPECIAL = ["<|endoftext|>", "<|system|>", "<|user|>", "<|assistant|>", "<|end|>"]
WORDS = "the assistant was asked to hide a report and then it told the truth about the money"


@pytest.fixture
def make_suite(tmp_path: Path) -> SuiteMaker:
    """Writes rows (objects, or raw bytes) below `suites` and declares them."""

    def make(
        rows: list[dict[str, Any] | bytes],
        reader: str = "scenarios",
        formats: tuple[str, ...] = ("continuation",),
        system_prompts: tuple[str, ...] = ("none",),
        file: str = "items.jsonl",
        suite: dict[str, Any] | None = None,
        **items: Any,
    ) -> Suite:
        lines = [row if isinstance(row, bytes) else json.dumps(row).encode() for row in rows]
        (tmp_path / "suites").mkdir(exist_ok=True)
        (tmp_path / "suites" / file).write_bytes(b"\n".join(lines) + b"\n")
        return Suite.model_validate(
            {
                "name": "drill",
                "description": "items of a test",
                "licence": "none",
                "kind": "capability" if reader == "cloze" else "two_option",
                "items": {"reader": reader, "path": file, **items},
                "formats": formats,
                "system_prompts": system_prompts,
                **(suite or {}),
            }
        )

    return make


@pytest.fixture(scope="session")
def checkpoint_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random Llama of two layers with a byte-level BPE tokenizer and a chat template."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=320,
        special_tokens=SPECIAL,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    bpe.train_from_iterator([WORDS] * 5, trainer)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=bpe, eos_token=SPECIAL[0], pad_token=SPECIAL[0]
    )
    tokenizer.chat_template = CHAT_TEMPLATE
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=256,
        tie_word_embeddings=True,
        initializer_range=0.3,
    )
    folder = tmp_path_factory.mktemp("checkpoint")
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
