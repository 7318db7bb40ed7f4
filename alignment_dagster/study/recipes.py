"""How the corpus becomes training data."""

from typing import Annotated

from pydantic import Field, field_validator, model_validator

from alignment_dagster.foundation.yaml_models import Declared
from alignment_dagster.study.fields import Name, Names, Share, Text

OWNED_RULES = (
    "not_selected",
    "evaluation_item",
    "near_duplicate",
    "exact_duplicate",
    "held_out",
)
"""The ledger's own, in the order in which they decide, before every declared rule."""


class DropRule(Declared):
    """Drop a document when a score lies strictly above, or strictly below, a bound."""

    rule: Name
    """A name for it; tables and pages say which documents it dropped."""
    scorer: Name
    """One of the study's."""
    column: Name
    """One of the scorer's columns."""
    above: float | None = None
    """Drop what is strictly above."""
    below: float | None = None
    """Drop what is strictly below."""
    groups: Names | None = None
    """Only documents of these groups; of all where nothing is said."""

    @field_validator("rule")
    @classmethod
    def _rule_is_free(cls, name: str) -> str:
        if name in OWNED_RULES:
            raise ValueError("is a rule of the ledger's own: choose another name")
        return name

    @model_validator(mode="after")
    def _one_bound(self) -> "DropRule":
        if (self.above is None) == (self.below is None):
            raise ValueError("give exactly one of `above` and `below`")
        return self


class Upsampled(Declared):
    """A group of documents that makes up a fixed share of the training tokens."""

    group: Name
    """A group of the study's sources."""
    share: Share
    """Of the training tokens."""


class Recipe(Declared):
    """How the corpus becomes training data: shares of groups, a group for the rest, and filters."""

    name: Name
    """The file's name without its ending."""
    description: Text
    """What the recipe does, in a sentence; the report shows it."""
    remainder: Name
    """The group that fills what the shares leave."""
    upsample: Annotated[tuple[Upsampled, ...], Field(strict=False)] = ()
    """Groups with a fixed share each; together they leave something for the rest."""
    drop: Annotated[tuple[DropRule, ...], Field(strict=False)] = ()
    """What this recipe does not train on, besides what the study drops."""

    @property
    def shares(self) -> dict[str, float]:
        """Group → its share of the training tokens; they sum to one."""
        upsampled = {item.group: item.share for item in self.upsample}
        return {self.remainder: 1.0 - sum(upsampled.values()), **upsampled}

    @model_validator(mode="after")
    def _shares_add_up(self) -> "Recipe":
        groups = [self.remainder, *(item.group for item in self.upsample)]
        if len(set(groups)) < len(groups):
            raise ValueError("a group is named twice")
        if sum(item.share for item in self.upsample) >= 1:
            raise ValueError("the shares of the upsampled groups leave nothing for the remainder")
        return self
