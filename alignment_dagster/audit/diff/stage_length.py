"""What follows from another sequence length of a recipe's own stage, which the recipe declares."""

from collections.abc import Mapping
from typing import Any

from alignment_dagster import chain
from alignment_dagster.audit.diff.artifact_pairs import Pair
from alignment_dagster.audit.diff.declarations import (
    ABSENT,
    FieldChange,
    Path,
    compare_declarations,
)
from alignment_dagster.audit.diff.side import Side
from alignment_dagster.lineage.lake import Artifact
from alignment_dagster.lineage.partition_keys import recipe_of

LENGTHS: tuple[Path, ...] = (("mix", "sequence_length"), ("sequence_length",))
BATCH: Path = ("pretraining", "batch_size")
TOKENS: Path = ("mix", "tokens")
CONTEXT: Path = ("context",)
"""The study's length, recorded of a model whose own is shorter."""


def find_stage_change(
    pair: Pair, before: Side, after: Side, change: FieldChange
) -> FieldChange | None:
    """The recipe's `trunk.sequence_length`, if what a mix or model records follows from it."""
    if pair.key[0] not in (chain.CURATED_MIX, chain.PRETRAINED_CHECKPOINT):
        return None
    old, new = (
        {"trunk": _trunk(side, one)} for side, one in ((before, pair.before), (after, pair.after))
    )
    declared = next(
        (
            one
            for one in compare_declarations(old, new)
            if one.path in (("trunk",), ("trunk", "sequence_length"))
        ),
        None,
    )
    return declared if declared is not None and _follows(pair, change) else None


def _trunk(side: Side, artifact: Artifact) -> Any:
    """As the report's own declaration has it."""
    recipes = side.report.provenance.declared.get("recipes", ())
    name = recipe_of(artifact.partition)
    return next((one.get("trunk") for one in recipes if one["name"] == name), None)


def _follows(pair: Pair, change: FieldChange) -> bool:
    sides = [one.provenance.declared for one in (pair.before, pair.after)]
    if change.path == CONTEXT:
        return ABSENT in (change.before, change.after)
    if change.path == BATCH:
        return len({_batch_tokens(one) for one in sides}) == 1
    if change.path == TOKENS:
        # What does not fill a sequence is left out.
        return int(abs(change.after - change.before)) < max(map(_length, sides))
    return change.path in LENGTHS


def _length(declared: Mapping[str, Any]) -> int:
    found: int = declared["mix"]["sequence_length"]
    return found


def _batch_tokens(declared: Mapping[str, Any]) -> int:
    found: int = declared["pretraining"]["batch_size"] * declared["sequence_length"]
    return found
