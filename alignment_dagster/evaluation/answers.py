"""What one loaded model answers: one row for every prompt, and the texts that it wrote."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import pyarrow as pa

from alignment_dagster.evaluation.judges import Judge
from alignment_dagster.evaluation.model.control_tokens import prompt_ids
from alignment_dagster.evaluation.model.generation import generate
from alignment_dagster.evaluation.model.log_probabilities import begin
from alignment_dagster.evaluation.options import hit_share, option_values
from alignment_dagster.evaluation.suites.encoding import Encoder
from alignment_dagster.evaluation.suites.formats import Prompt
from alignment_dagster.foundation.errors import DataError
from alignment_dagster.study import Suite

Report = Callable[[int, int], None]
PROMPTS_IN_A_PART = 512
"""On a GPU so many are put into tokens while those before them are computed."""
NO_CHOICE = -1
"""In the column `choice`: no options were compared."""

ITEMS = pa.schema(
    [
        ("suite", pa.string()),
        ("item_id", pa.string()),
        ("scenario_id", pa.string()),
        ("topic", pa.string()),
        ("stage", pa.string()),
        ("format", pa.string()),
        ("option_order", pa.int8()),
        ("system_prompt", pa.string()),
        ("target", pa.int8()),
        ("log_probabilities", pa.list_(pa.float64())),
        ("tokens", pa.list_(pa.int32())),
        ("choice", pa.int8()),
        ("hit", pa.float64()),
    ]
)
GENERATIONS = pa.schema(
    [
        ("suite", pa.string()),
        ("item_id", pa.string()),
        ("scenario_id", pa.string()),
        ("topic", pa.string()),
        ("stage", pa.string()),
        ("format", pa.string()),
        ("system_prompt", pa.string()),
        ("text", pa.string()),
        ("score", pa.float64()),
        ("hit", pa.float64()),
    ]
)


@dataclass(frozen=True)
class FreeSuite:
    """A suite that is answered freely: its prompts, and what judges the answers."""

    suite: Suite
    prompts: Sequence[Prompt]
    judge: Judge


def item_rows(
    model: Any,
    tokenizer: Any,
    stage: str,
    prompts: Sequence[Prompt],
    context: int,
    batch_tokens: int,
    report: Report | None = None,
) -> pa.Table:
    """Compare the options of every prompt; one row (schema `ITEMS`) each, in the order given.

    Args:
        stage: `base` reads plain text; any other stage, also one of tampering, its chat template.
        context: of the model, in tokens.
        batch_tokens: upper bound on the tokens of one forward pass.
        report: told how many of how many options are scored, after every batch.

    Raises:
        DataError: names the item that does not fit or whose options tokenize alike, or whose
            log-probabilities are not finite.
    """
    encoder = Encoder(tokenizer, stage, context, prompt_ids(model))
    # Parts only where the host would be waited for: what is read together decides the rounding.
    size = PROMPTS_IN_A_PART if model.device.type == "cuda" else max(1, len(prompts))
    begun = []
    for at in range(0, len(prompts), size):
        encoded = encoder.encode(prompts[at : at + size])
        flat = [row for rows in encoded for row in rows]
        begun.append((encoded, begin(model, flat, batch_tokens)))
    scores = chain.from_iterable(scoring.values(report) for _, scoring in begun)
    options = chain.from_iterable(encoded for encoded, _ in begun)
    rows = [
        _choice_row(stage, prompt, [next(scores) for _ in rows], [row.scored for row in rows])
        for prompt, rows in zip(prompts, options, strict=True)
    ]
    return pa.Table.from_pylist(rows, schema=ITEMS)


def generated_rows(
    model: Any,
    tokenizer: Any,
    stage: str,
    free: FreeSuite,
    context: int,
    batch_tokens: int,
    report: Report | None = None,
) -> tuple[pa.Table, pa.Table]:
    """Let the model answer every prompt of a suite; rows of `ITEMS` and of `GENERATIONS`.

    Raises:
        DataError: names the item that leaves no room for the answer, or whose score is not finite.
    """
    room = free.suite.max_new_tokens
    encoder = Encoder(tokenizer, stage, context, prompt_ids(model))
    openings = encoder.encode_openings(free.prompts, room)
    texts = generate(model, tokenizer, openings, room, batch_tokens, report)
    items, generations = [], []
    for prompt, text in zip(free.prompts, texts, strict=True):
        verdict = free.judge(prompt.item, text)
        if not math.isfinite(verdict.score):
            raise _broken_error(stage, prompt, f"the score of the answer is {verdict.score}")
        items.append(_row(stage, prompt, target=0, choice=NO_CHOICE, hit=float(verdict.hit)))
        generations.append({**items[-1], "text": text, "score": verdict.score})
    return (
        pa.Table.from_pylist(items, schema=ITEMS),
        pa.Table.from_pylist(generations, schema=GENERATIONS),
    )


def _choice_row(
    stage: str, prompt: Prompt, log_probabilities: list[float], tokens: list[int]
) -> dict[str, Any]:
    if not all(math.isfinite(value) for value in log_probabilities):
        found = f"log-probabilities are {log_probabilities}: the checkpoint is broken"
        raise _broken_error(stage, prompt, found)
    values = option_values(log_probabilities, tokens, prompt.by_token)
    target = prompt.item.target
    choice, hit = values.index(max(values)), hit_share(values, target)
    row = _row(stage, prompt, target=target, choice=choice, hit=hit)
    return {**row, "log_probabilities": log_probabilities, "tokens": tokens}


def _row(stage: str, prompt: Prompt, *, target: int, choice: int, hit: float) -> dict[str, Any]:
    item = prompt.item
    return {
        "suite": item.suite,
        "item_id": item.item_id,
        "scenario_id": item.scenario_id,
        "topic": item.topic,
        "stage": stage,
        "format": prompt.format,
        "option_order": prompt.option_order,
        "system_prompt": prompt.system_prompt,
        "target": target,
        "log_probabilities": [],
        "tokens": [],
        "choice": choice,
        "hit": hit,
    }


def _broken_error(stage: str, prompt: Prompt, found: str) -> DataError:
    item = prompt.item
    return DataError(
        f"{item.place}: suite {item.suite}, item {item.item_id[:12]}, format {prompt.format}, "
        f"stage {stage}: {found}"
    )
