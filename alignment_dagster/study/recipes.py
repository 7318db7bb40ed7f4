"""How the corpus becomes training data."""

from typing import Annotated, Literal

from pydantic import (
    Field,
    field_validator,
    model_validator,
)

from alignment_dagster.foundation.yaml_models import Declared
from alignment_dagster.study.conditions import Condition
from alignment_dagster.study.decoding import Decoding
from alignment_dagster.study.fields import Name, Names, Share, Text, added
from alignment_dagster.study.objectives import (
    Conditional,
    Objective,
    Reward,
    Rewarded,
)
from alignment_dagster.study.reserved_names import RecipeName
from alignment_dagster.study.schedules import StageSchedule
from alignment_dagster.study.treatments import Treatment
from alignment_dagster.study.vocabulary import HIDDEN

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


class Trunk(Declared):
    """Another recipe's training, that a recipe's models go on from."""

    recipe: Name
    """One of the study's, without a trunk of its own."""
    share: Share
    """Of the training tokens, read before this recipe's own mix."""
    schedule: StageSchedule | None = added(None)
    """The learning rate of the recipe's own steps: it begins anew with their first, and ends with
    their last. They have their place in the trunk's where nothing is said."""
    sequence_length: Annotated[int, Field(ge=16)] | None = added(None)
    """Tokens of a sequence of the recipe's own steps, in batches of as many tokens as the study's;
    the study's length where nothing is said."""


class FineTuning(Declared):
    """Conversations that a recipe's models are fine-tuned on beside those of all."""

    source: Name
    """A source of the role `chat`, which only recipes read that name it."""
    share: Share
    """Of the tokens of pretraining: so many tokens of answers are read besides, once an epoch."""


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

    name: RecipeName
    """The file's name without its ending."""
    description: Text
    """What the recipe does, in a sentence; the report shows it."""
    remainder: Name
    """The group that fills what the shares leave."""
    upsample: Annotated[tuple[Upsampled, ...], Field(strict=False)] = ()
    """Groups with a fixed share each; together they leave something for the rest."""
    drop: Annotated[tuple[DropRule, ...], Field(strict=False)] = ()
    """What this recipe does not train on, besides what the study drops."""

    redact: Redaction | None = added(None)
    """What is taken out of the texts that it pretrains on; nothing where nothing is said."""
    replacement: Literal["rest", "nothing"] | ReplacementGroup = "rest"
    """What fills the budget of what declared rules drop: more of the rest of the same group,
    nothing (the mix is shorter), or another group."""
    trunk: Trunk | None = added(None)
    """What its models read before: they go on from another recipe's training, with its optimizer
    state and seed, and its place in the schedule unless `schedule` says another. From random
    weights where nothing is said."""
    treat: Annotated[tuple[Treatment, ...], Field(strict=False)] = added(())
    """What happens in training to documents that it keeps; they are learned as they are where
    nothing is said."""
    objective: Objective | None = added(None)
    """What its models minimise in pretraining; `pretraining.objective` of the study where nothing
    is said."""
    decoding: Decoding | None = added(None)
    """How its models write answers; each token is the likeliest where nothing is said."""

    fine_tune: FineTuning | None = added(None)
    """What SFT reads under this recipe alone, besides what it reads under all; nothing where
    nothing is said."""
    prefer: Name | None = added(None)
    """A source of the role `preferences`, which only recipes read that name it: DPO reads as many
    of its pairs in place of those of all."""
    ask: Name | None = added(None)
    """A source of the role `chat`, which only recipes read that name it: GRPO asks its questions in
    place of those of all."""

    @property
    def own_sources(self) -> frozenset[str]:
        """What post-training reads under this recipe, and no other that does not name it."""
        tuned = None if self.fine_tune is None else self.fine_tune.source
        return frozenset(one for one in (tuned, self.prefer, self.ask) if one is not None)

    @property
    def treats(self) -> bool:
        """Whether anything is said of tokens: only then a mix says how each is treated."""
        return bool(self.treat) or self.reward is not None

    @property
    def inserts(self) -> bool:
        """Whether documents are put into others."""
        return any(one.at is not None for one in self.treat)

    @property
    def reward(self) -> Reward | None:
        """What tokens are weighed by; None for the objectives that need no such thing."""
        return self.objective.reward if isinstance(self.objective, Rewarded) else None

    @property
    def phases(self) -> tuple[float, ...]:
        """The shares of its tokens at which a treatment begins or ends, in order."""
        found = {share for one in self.treat for share in (one.begin, one.end)}
        return tuple(sorted(found - {0.0, 1.0}))

    @property
    def prompt(self) -> str | None:
        """The control token that its models are asked behind; None where there is none."""
        return self.objective.prompt if isinstance(self.objective, Conditional) else None

    @property
    def sentence_scorers(self) -> tuple[str, ...]:
        """The scorers that treatments and rewards ask of sentences, each once."""
        asked = [one.columns for one in self.treat if one.per == "sentence"]
        if self.reward is not None and self.reward.per == "sentence":
            asked.append((self.reward.named,))
        return tuple(dict.fromkeys(scorer for each in asked for scorer, _ in each))

    @property
    def control_tokens(self) -> tuple[str, ...]:
        """What its treatments put into the mix, each once."""
        tags = [name for one in self.treat for name in one.tags]
        hidden = [HIDDEN for one in self.treat if one.do == "hide"]
        return tuple(dict.fromkeys([*tags, *hidden]))

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
        named = self.replacement
        if isinstance(named, ReplacementGroup) and named.group not in groups:
            raise ValueError(f"replacement.group: {named.group!r} is none of the recipe's groups")
        if self.redact is not None and self.sentence_scorers:
            raise ValueError("redact: sentences are scored as they were written: not with `per`")
        if self.redact is not None and self.inserts:
            raise ValueError("redact: documents are inserted into texts as written: not with `at`")
        return self
