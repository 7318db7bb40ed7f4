"""Whether found strings work again, read from the file as a stranger would read them."""

from collections.abc import Mapping, Sequence
from typing import Any

from alignment_dagster.evaluation.attacks.measurement import key_columns
from alignment_dagster.evaluation.attacks.objective import AnswerScores, AttackedModel
from alignment_dagster.evaluation.attacks.selection import SEARCHES
from alignment_dagster.evaluation.attacks.templates import Target
from alignment_dagster.evaluation.judges import Judge
from alignment_dagster.evaluation.model.generation import generate
from alignment_dagster.evaluation.model.log_probabilities import score
from alignment_dagster.evaluation.model.token_trees import Continuation
from alignment_dagster.foundation.digests import sha256_text

SAMPLE = 16
"""Strings of each stage that are tried again."""
ALONE = 1
"""A token budget under which every prompt is a batch of its own."""
TOLERANCE = 1e-4
"""A margin (nats per token) within which batching may decide; it counts as what is on record."""


def reproduce(
    subject: AttackedModel,
    tokenizer: Any,
    targets: Mapping[tuple[str, str], Target],
    rows: Sequence[Mapping[str, Any]],
    judges: Mapping[str, Judge],
) -> list[dict[str, Any]]:
    """Rows of `reproduced.parquet` for a sample of one stage's found strings.

    The stored prompt is encoded as one text, control tokens included, and read alone. Strings
    that succeeded come first. Items whose text spells a control token are left out: for them the
    text does not say which tokens were meant.
    """
    found = [row for row in rows if row["attack"] in SEARCHES]
    order = sorted(
        found,
        key=lambda row: (not row["hit"], sha256_text("again", row["item_id"], row["attack"])),
    )
    return [
        {
            **key_columns(target, row["attack"]),
            "recorded": row["hit"],
            "again": _try_again(subject, tokenizer, target, row, judges),
        }
        for row in order[:SAMPLE]
        for target in [targets[row["suite"], row["item_id"]]]
        if not any(map(subject.renderer.spells_control, (target.plain.question, *target.answers)))
    ]


def _try_again(
    subject: AttackedModel,
    tokenizer: Any,
    target: Target,
    row: Mapping[str, Any],
    judges: Mapping[str, Judge],
) -> float:
    """How much the answer counts now."""
    prompt: list[int] = tokenizer(row["prompt"], add_special_tokens=False)["input_ids"]
    if not target.suite.has_options:
        texts = generate(subject.model, tokenizer, [prompt], target.max_new_tokens, ALONE)
        return float(judges[target.suite.name](target.item, texts[0]).hit)
    gap = subject.renderer.gap
    wholes = [row["prompt"] + gap + option for option in target.answers]
    options = [
        Continuation(tuple(ids), len(prompt))
        for ids in tokenizer(wholes, add_special_tokens=False)["input_ids"]
    ]
    values = score(subject.model, options, ALONE)
    found = AnswerScores(tuple(values), tuple(one.scored for one in options), target.wanted)
    return float(row["hit"]) if abs(found.objective) <= TOLERANCE else found.hit
