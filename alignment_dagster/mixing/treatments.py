"""What a recipe's treatments make of the documents that it keeps, decided from their scores."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from alignment_dagster.foundation.errors import DataError
from alignment_dagster.foundation.yaml_models import FieldPath
from alignment_dagster.mixing.document_scores import (
    Column,
    Flags,
    ScoreFiles,
    Scores,
    hold,
    read_scores,
)
from alignment_dagster.mixing.kept_documents import KeptDocuments, Numbers
from alignment_dagster.study import Recipe
from alignment_dagster.study.treatments import LABELS, Treated, Treatment

NOTHING = -1
"""No rule, or no tag."""


class TreatmentError(DataError):
    """A treatment or reward that cannot be decided, and its field in the recipe's file."""

    def __init__(self, field: FieldPath, message: str) -> None:
        super().__init__(message)
        self.field = field


@dataclass(frozen=True)
class DecidedTreatments:
    """What happens to the text of each kept document; arrays [documents]."""

    labels: NDArray[np.uint8]
    """Of its tokens, as `Treated` numbers them."""
    rules: Numbers
    """Which treatment decided that; `NOTHING` where none did."""
    tags: Mapping[int, Numbers]
    """Treatment that tags → which of its tags a document gets; `NOTHING` where it gets none."""
    weighted: Mapping[int, Flags]
    """Treatment that weighs → the documents that it weighs."""
    weights: NDArray[np.float32] | None
    rewards: NDArray[np.float32] | None


def wanted_columns(recipe: Recipe) -> tuple[Column, ...]:
    """The scores that treatments and rewards are decided from, each once."""
    conditions = [one.when for one in recipe.treat if one.when is not None]
    found = [(one.scorer, one.column) for each in conditions for one in each.comparisons()]
    if recipe.reward is not None:
        found.append((recipe.reward.scorer, recipe.reward.column))
    return tuple(dict.fromkeys(found))


def decide_treatments(
    kept: KeptDocuments, recipe: Recipe, files: ScoreFiles, seed: int
) -> DecidedTreatments:
    """Decide over every kept document.

    Args:
        seed: of the mix; which documents lose their tag is drawn from it.

    Raises:
        TreatmentError: if a document lacks a score that is asked for, or all have the same reward.
    """
    scores = read_scores(kept, files, wanted_columns(recipe))
    size = kept.ids.size
    labels = np.full(size, Treated.LEARNED, np.uint8)
    rules = np.full(size, NOTHING, np.int16)
    tags: dict[int, Numbers] = {}
    weighted: dict[int, Flags] = {}
    weights = None
    for number, treatment in enumerate(recipe.treat):
        scope = _scope(kept, treatment)
        held = scope & _held(kept, treatment, number, scope, scores)
        if treatment.do in LABELS:
            first = held & (rules == NOTHING)
            labels[first], rules[first] = LABELS[treatment.do], number
        elif treatment.do == "tag":
            tags[number] = _tags(kept, treatment, scope, held, f"{seed}:{recipe.name}")
        elif treatment.weight is not None:
            weights = np.ones(size, np.float32) if weights is None else weights
            weights[held] *= np.float32(treatment.weight)
            weighted[number] = held
    rewards = _rewards(kept, recipe, scores)
    return DecidedTreatments(labels, rules, tags, weighted, weights, rewards)


def _scope(kept: KeptDocuments, treatment: Treatment) -> Flags:
    if treatment.sources is None:
        return np.ones(kept.ids.size, bool)
    return np.isin(np.array(kept.source.names)[kept.source.numbers], treatment.sources)


def _held(
    kept: KeptDocuments,
    treatment: Treatment,
    number: int,
    scope: Flags,
    scores: Mapping[Column, Scores],
) -> Flags:
    if treatment.when is None:
        return scope
    for one in treatment.when.comparisons():
        field = ("treat", number, "when")
        _refuse_missing(kept, scope & scores[one.scorer, one.column].missing,
                        (one.scorer, one.column), field)  # fmt: skip
    return hold(treatment.when, scores, kept.ids.size)


def _refuse_missing(kept: KeptDocuments, missing: Flags, column: Column, field: FieldPath) -> None:
    if missing.any():
        first = np.flatnonzero(missing)[:1]
        source = kept.source.names[int(kept.source.numbers[first[0]])]
        raise TreatmentError(
            field,
            f"{int(missing.sum()):,} documents have no {'.'.join(column)}, as "
            f"{kept.hex_ids(first)[0]} of the source {source!r}: name the `sources` that have it, "
            "or another column",
        )


def _tags(
    kept: KeptDocuments, treatment: Treatment, scope: Flags, held: Flags, place: str
) -> Numbers:
    found = np.full(kept.ids.size, NOTHING, np.int8)
    if treatment.otherwise is not None:
        found[scope] = 1
    found[held] = 0
    if treatment.dropout:
        drawn = _draw(kept, f"{place}:{treatment.rule}")
        lost = np.fromiter((one < treatment.dropout for one in drawn), bool, kept.ids.size)
        found[lost] = NOTHING
    return found


def _draw(kept: KeptDocuments, place: str) -> Iterator[float]:
    """A number below one for each document, from its id alone: others change nothing."""
    for document in kept.hex_ids(np.arange(kept.ids.size)):
        digest = hashlib.sha256(f"{place}:{document}".encode()).digest()
        yield int.from_bytes(digest[:8], "little") / 2**64


def _rewards(
    kept: KeptDocuments, recipe: Recipe, scores: Mapping[Column, Scores]
) -> NDArray[np.float32] | None:
    if (reward := recipe.reward) is None:
        return None
    column, field = (reward.scorer, reward.column), ("objective", "reward")
    numbers = scores[column].numbers
    _refuse_missing(kept, np.isnan(numbers), column, field)
    if numbers.size and numbers.min() == numbers.max():
        message = f"all {numbers.size:,} documents have the same {'.'.join(column)}: {numbers[0]:g}"
        raise TreatmentError(field, f"{message}; a reward tells documents apart")
    return (reward.sign * numbers).astype(np.float32)
