"""Prompts a second of an evaluation, and its log-probabilities beside those of the CPU."""

import os
import time
from pathlib import Path
from typing import Any

import torch
import yaml
from transformers import AutoTokenizer

from alignment_dagster.engines.peak import synchronize
from alignment_dagster.evaluation.answers import item_rows
from alignment_dagster.evaluation.suites.formats import Prompt, make_prompts
from alignment_dagster.evaluation.suites.loader import load_suite
from alignment_dagster.mixing.tokenizer import train_tokenizer
from alignment_dagster.study import Model, Suite
from alignment_dagster.training.pretraining.model import build_model, parameter_count

ASSETS = Path(__file__).parents[2] / "assets"
CONTEXT, BATCH_TOKENS, VOCABULARY = 512, 2048, 1536
MODELS = {
    "gpu": Model(layers=12, width=768, heads=12, mlp_width=2048),
    "cpu": Model(layers=2, width=32, heads=2, mlp_width=64),
}
COMPARED = {"gpu": 400, "cpu": 40}
PROMPTS = {"gpu": 6_240, "cpu": 80}


def run(scale: str, device: torch.device, folder: Path) -> dict[str, Any]:
    """Both, of a model with random weights, float32, asked the suite `articles`."""
    suite = Suite.model_validate(yaml.safe_load((ASSETS / "suites" / "articles.yaml").read_text()))
    prompts = list(make_prompts(suite, load_suite(suite, ASSETS)))
    folder.mkdir(parents=True, exist_ok=True)
    train_tokenizer([prompt.plain for prompt in prompts], VOCABULARY, folder)
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    model = build_model(MODELS[scale], tokenizer, CONTEXT, 0).eval()
    asked = prompts[: PROMPTS[scale]]
    few = asked[:: max(1, len(asked) // COMPARED[scale])]
    torch.set_num_threads(os.cpu_count() or 1)
    on_cpu = _values(model, tokenizer, few)
    model.to(device)
    on_device = _values(model, tokenizer, few)
    apart = max(
        abs(a - b)
        for one, two in zip(on_cpu, on_device, strict=True)
        for a, b in zip(one, two, strict=True)
    )
    best = 0.0
    for _ in range(3):
        started = time.perf_counter()
        _values(model, tokenizer, asked)
        synchronize(device)
        best = max(best, len(asked) / (time.perf_counter() - started))
    return {
        "parameters": parameter_count(model),
        "prompts": len(asked),
        "prompts_per_second": best,
        "compared_answers": len(few),
        "largest_difference_of_log_probabilities": apart,
        "within_1e-4": apart <= 1e-4,
    }


def _values(model: Any, tokenizer: Any, prompts: list[Prompt]) -> list[list[float]]:
    rows = item_rows(model, tokenizer, "base", prompts, CONTEXT, BATCH_TOKENS)
    found: list[list[float]] = rows["log_probabilities"].to_pylist()
    return found
