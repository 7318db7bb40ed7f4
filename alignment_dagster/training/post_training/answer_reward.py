"""The reward of answers: a score of their texts, as a scorer or a trained classifier gives it."""

import math
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from alignment_dagster.foundation.errors import AlignmentError
from alignment_dagster.scoring import Scorer, ScoringContext, find_scorer
from alignment_dagster.scoring.classifiers.trained import load_scorer
from alignment_dagster.study import AnswerReward

AskReward = Callable[[list[str]], list[float]]
"""Texts → the reward of each."""


def find_rewarder(declared: AnswerReward, assets: Path, classifier: Path | None) -> Scorer:
    """The scorer that says how good an answer is.

    Args:
        assets: where a study's own scorers lie.
        classifier: the artifact of the classifier that is asked; None where none is.

    Raises:
        AlignmentError: if it cannot be used.
        KeyError: if there is none of that name.
    """
    return load_scorer(classifier) if classifier else find_scorer(declared.scorer, assets)


def bind_reward(declared: AnswerReward, scorer: Scorer, assets: Path) -> AskReward:
    """Prepare the scorer.

    Args:
        assets: what scorers read besides a text.

    Raises:
        AlignmentError: if what it reads cannot be used; later, if it says nothing of an answer.
    """
    score = scorer.bind(ScoringContext(assets))

    def ask(texts: list[str]) -> list[float]:
        found = pc.cast(score(texts)[declared.column], pa.float64()).to_pylist()
        if any(one is None or not math.isfinite(one) for one in found):
            raise AlignmentError(
                f"post_training.grpo.reward: {declared.scorer} gives an answer no {declared.column}"
            )
        return [declared.sign * one for one in found]

    return ask
