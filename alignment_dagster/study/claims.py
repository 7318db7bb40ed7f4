"""What a study says, before it runs, that it will find."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from alignment_dagster.foundation.digests import sha256_json
from alignment_dagster.foundation.yaml_models import Declared
from alignment_dagster.study.fields import Name, Share, Text

Relation = Literal["lower", "higher", "not_lower", "not_higher", "equivalent"]
WITH_MARGIN = ("not_lower", "not_higher", "equivalent")
"""The relations that say how much less than `within` a difference is."""


class Claim(Declared):
    """One recipe against another, on one suite at one stage.

    All relations speak of the metric's value (a misalignment rate, an accuracy, a share of
    successful attacks). `lower` and `higher` claim a difference, of `by_at_least` where that is
    given. `not_lower` and `not_higher` claim that the recipe is not on that side by as much as
    `within` (non-inferiority: "costs less than ten points of accuracy" is `not_lower`, `within:
    0.10`), `equivalent` that it is on neither.
    """

    name: Name
    """Of the claim: tables and pages say it."""
    statement: Text
    """What is claimed, in a sentence."""
    recipe: Name
    """The recipe of which it is claimed."""
    relation: Relation
    """Of the recipe's value to that of `than`."""
    than: Name
    """The recipe that it is compared with."""
    by_at_least: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """For `lower` and `higher`: the least difference that supports the claim."""
    within: Share | None = None
    """For `equivalent`, `not_lower` and `not_higher`: the difference that counts as none."""
    suite: Name
    """What is measured."""
    stage: Text
    """`base`, `sft`, `dpo`, `grpo`, or the name of a tampering (its last step)."""
    prompt: Name = "none"
    """The system prompt."""
    attack: Name | None = None
    """An attack, or `worst_case`: the claim is then about the share of successful attacks."""

    @property
    def digest(self) -> str:
        """Hex SHA-256 of everything claimed."""
        return sha256_json(self.model_dump(mode="json"))

    @model_validator(mode="after")
    def _bounds_fit(self) -> "Claim":
        if (self.relation in WITH_MARGIN) != (self.within is not None):
            known = ", ".join(f"`{one}`" for one in WITH_MARGIN)
            raise ValueError(f"`within` belongs to the relations {known}, and to them only")
        if self.within is not None and self.by_at_least:
            raise ValueError(f"`by_at_least` does not fit the relation `{self.relation}`")
        if self.recipe == self.than:
            raise ValueError("a recipe cannot be compared with itself")
        return self
