"""How the corpus becomes training data."""

from typing import Annotated, Any, Literal

from pydantic import (
    Field,
    SerializerFunctionWrapHandler,
    field_validator,
    model_serializer,
    model_validator,
)

from alignment_dagster.foundation.yaml_models import Declared
from alignment_dagster.study.conditions import Condition
from alignment_dagster.study.fields import Name, Names, Share, Text

OWNED_RULES = (
    "not_selected",
    "scorer_failed",
    "evaluation_item",
    "near_duplicate",
    "exact_duplicate",
    "held_out",
)
"""The ledger's own, in the order in which they decide, before every declared rule."""


class DropRule(Condition):
    """Drop a document of which a condition holds: a comparison of a score, or several."""

    rule: Name
    """A name for it; tables and pages say which documents it dropped."""
    groups: Names | None = None
    """Only documents of these groups; of all where nothing is said."""
    max_share: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Of a source's documents, how many it may drop: above it nothing is made of them."""

    @field_validator("rule")
    @classmethod
    def _rule_is_free(cls, name: str) -> str:
        if name in OWNED_RULES:
            raise ValueError("is a rule of the ledger's own: choose another name")
        return name


class Upsampled(Declared):
    """A group of documents that makes up a fixed share of the training tokens."""

    group: Name
    """A group of the study's sources."""
    share: Share
    """Of the training tokens."""


class ReplacementGroup(Declared):
    """A group that grows by what declared rules drop."""

    group: Name
    """One of the recipe's."""


Kind = Literal["email", "ip_address", "phone", "card", "key"]


class Redaction(Declared):
    """Spans of the texts in whose place the models read their kind, such as `[EMAIL]`."""

    scorer: Literal["pii"]
    """What finds them; one of the study's scorers."""
    kinds: Annotated[tuple[Kind, ...], Field(strict=False, min_length=1)]
    """Those that are replaced."""

    @field_validator("kinds")
    @classmethod
    def _each_once(cls, kinds: tuple[Kind, ...]) -> tuple[Kind, ...]:
        if len(set(kinds)) < len(kinds):
            raise ValueError("a kind is named twice")
        return kinds


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

    redact: Redaction | None = None
    """What is taken out of the texts that it pretrains on; nothing where nothing is said."""
    replacement: Literal["rest", "nothing"] | ReplacementGroup = "rest"
    """What fills the budget of what declared rules drop: more of the rest of the same group,
    nothing (the mix is shorter), or another group."""

    @property
    def shares(self) -> dict[str, float]:
        """Group → its share of the training tokens; they sum to one."""
        upsampled = {item.group: item.share for item in self.upsample}
        return {self.remainder: 1.0 - sum(upsampled.values()), **upsampled}

    @model_serializer(mode="wrap")
    def _only_what_is_redacted(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        # a recipe that redacts nothing keeps the digest that it had before it could
        found: dict[str, Any] = serialize(self)
        return found if self.redact else {n: one for n, one in found.items() if n != "redact"}

    @model_validator(mode="after")
    def _shares_add_up(self) -> "Recipe":
        groups = [self.remainder, *(item.group for item in self.upsample)]
        if len(set(groups)) < len(groups):
            raise ValueError("a group is named twice")
        if sum(item.share for item in self.upsample) >= 1:
            raise ValueError("the shares of the upsampled groups leave nothing for the remainder")
        named = self.replacement
        if isinstance(named, ReplacementGroup) and named.group not in groups:
            raise ValueError(f"replacement.group: {named.group!r} is none of the recipe's groups")
        return self
