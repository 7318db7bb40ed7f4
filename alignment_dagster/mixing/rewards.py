"""How good documents and sentences are, for the objectives that weigh tokens by rewards."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from alignment_dagster.foundation.yaml_models import FieldPath
from alignment_dagster.mixing.document_scores import (
    Column,
    ScoreFiles,
    Scores,
    Sentences,
    read_sentences,
)
from alignment_dagster.mixing.kept_documents import KeptDocuments, Numbers
from alignment_dagster.mixing.treatment_error import TreatmentError, refuse_missing
from alignment_dagster.study.objectives import Reward


@dataclass(frozen=True)
class Rewards:
    """How good each document is, or each sentence [n]."""

    values: NDArray[np.float32]
    sentences: Sentences | None
    """None where documents are rewarded."""

    def spread(self, row: int, ends: Numbers) -> NDArray[np.float32]:
        """The reward of each token of a document, by the byte behind its last one [tokens].

        A token has that of the last sentence that begins before its end: so has the white space
        behind a sentence, and what closes the document.
        """
        if self.sentences is None:
            return np.full(ends.size, self.values[row], "<f4")
        begin, end = np.searchsorted(self.sentences.owner, (row, row + 1))
        place = np.searchsorted(self.sentences.start[begin:end], ends) - 1
        return self.values[begin:end][np.maximum(place, 0)]


def decide_rewards(
    kept: KeptDocuments, reward: Reward, files: ScoreFiles, scores: Mapping[Column, Scores]
) -> Rewards:
    """How good each kept document or sentence is.

    Args:
        scores: has the reward's column, where documents are rewarded.

    Raises:
        TreatmentError: if one lacks the score, or all have the same.
    """
    field: FieldPath = ("objective", "reward")
    sentences = None
    owner: Numbers = np.arange(kept.ids.size)
    if reward.per == "sentence":
        sentences = read_sentences(kept, files, (reward.named,))
        owner, scores = sentences.owner, sentences.scores
    numbers = scores[reward.named].numbers
    refuse_missing(kept, owner[np.isnan(numbers)], reward.named, field)
    if numbers.size and numbers.min() == numbers.max():
        raise TreatmentError(
            field,
            f"all {numbers.size:,} {reward.per}s have the same {'.'.join(reward.named)}: "
            f"{numbers[0]:g}; a reward tells them apart",
        )
    return Rewards((reward.sign * numbers).astype("<f4"), sentences)
