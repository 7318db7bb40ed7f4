"""A tiny checkpoint that was trained elsewhere: random weights, and a tokenizer of its own."""

import json
from pathlib import Path
from typing import Any

from alignment_dagster.study import Base

END = "<eod>"
"""Its end of text; it has no tokens of conversations, and no padding."""
CONTEXT = 64
WORDS = "the keeper told the truth about the lamp and the ship came home to the harbour at night"


def write_base(folder: Path, architecture: str = "gpt_neox", **config: Any) -> Base:
    """Write it into a folder, below the data folder, and declare it."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedTokenizerFast

    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=300,
        special_tokens=[END],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    bpe.train_from_iterator([WORDS] * 5, trainer)
    bpe.enable_truncation(16)
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=bpe, eos_token=END)
    tokenizer.save_pretrained(folder)
    sizes = {
        "vocab_size": len(tokenizer),
        "hidden_size": 16,
        "intermediate_size": 32,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "max_position_embeddings": CONTEXT,
        "attention_dropout": 0.1,
        "bos_token_id": None,
        "eos_token_id": 0,
    }
    torch.manual_seed(5)
    model = AutoModelForCausalLM.from_config(AutoConfig.for_model(architecture, **(sizes | config)))
    model.save_pretrained(folder)
    # As published ones have it: what is sampled with, which is refused where it is saved again.
    change(folder / "generation_config.json", temperature=0.5)
    return Base(path=folder.name)


def change(path: Path, **fields: Any) -> None:
    """Alter fields of a JSON file; a field that becomes None is left out."""
    content = {**json.loads(path.read_text(encoding="utf-8")), **fields}
    kept = {name: value for name, value in content.items() if value is not None}
    path.write_text(json.dumps(kept), encoding="utf-8")
