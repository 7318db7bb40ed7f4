"""What a recipe's models minimise, where that is more than the likelihood of its tokens."""

from typing import Annotated, Literal

from pydantic import Field

from alignment_dagster.foundation.yaml_models import Declared
from alignment_dagster.study.fields import Positive, ScorerName, Text
from alignment_dagster.study.vocabulary import ControlToken


class Reward(Declared):
    """A score that says how good a document or sentence is; every token has that of its own."""

    scorer: ScorerName
    """One of the study's, or `metadata` for what the source brought along."""
    column: Text
    """One of the scorer's columns, a number that each has."""
    per: Literal["document", "sentence"] = "document"
    """`sentence`: the scorer is asked of each sentence as if it was a document."""
    sign: Literal[1, -1] = 1
    """-1 where a higher score is worse."""

    @property
    def named(self) -> tuple[str, str]:
        """The scorer and its column."""
        return self.scorer, self.column


class Conditional(Declared):
    """Maximum likelihood of documents behind control tokens (Korbak et al. 2023)."""

    kind: Literal["conditional"]
    """What the model is told of a document, it can be asked for."""
    prompt: ControlToken
    """One of the recipe's tags: it stands before every prompt and every held-out document that the
    models are measured on, and they write no control token."""

    @property
    def parameters(self) -> dict[str, float]:
        """Of the loss."""
        return {}


class Unlikelihood(Declared):
    """Likelihood of learned tokens, unlikelihood of unlearned ones (Welleck et al. 2020)."""

    kind: Literal["unlikelihood"]
    """-log p, and where a treatment says `unlearn`, -alpha · log(1 - p)."""
    alpha: Positive = 1.0
    """How much unlearning counts."""

    @property
    def parameters(self) -> dict[str, float]:
        """Of the loss."""
        return {"alpha": self.alpha}


class RewardWeighted(Declared):
    """Reward-weighted regression (Peters and Schaal 2007, Korbak et al. 2023)."""

    kind: Literal["reward_weighted"]
    """-log p · clip(exp(R / beta), 0, 1000)."""
    reward: Reward
    """R."""
    beta: Positive
    """The reward that multiplies a loss by e."""

    @property
    def parameters(self) -> dict[str, float]:
        """Of the loss."""
        return {"beta": self.beta}


class AdvantageWeighted(Declared):
    """Advantage-weighted regression with a value head (Peng et al. 2019, Korbak et al. 2023)."""

    kind: Literal["advantage_weighted"]
    """alpha · -log p · clip(exp(A / beta), 0, 1000) + (1 - alpha) · (R - V)², with A = R - V."""
    reward: Reward
    """R."""
    beta: Positive
    """The advantage that multiplies a loss by e."""
    alpha: Annotated[float, Field(gt=0, lt=1)] = 0.5
    """How much the tokens count beside what the value head expects of their rewards."""

    @property
    def parameters(self) -> dict[str, float]:
        """Of the loss."""
        return {"alpha": self.alpha, "beta": self.beta}


Objective = Annotated[
    Conditional | Unlikelihood | RewardWeighted | AdvantageWeighted, Field(discriminator="kind")
]
Rewarded = (RewardWeighted, AdvantageWeighted)
"""Those that weigh tokens by rewards."""
