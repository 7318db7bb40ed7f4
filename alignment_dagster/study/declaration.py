"""A study: the one file that declares an experiment, and everything it names."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from alignment_dagster.foundation.digests import sha256_json
from alignment_dagster.foundation.yaml_models import Declared
from alignment_dagster.study.canaries import Canary
from alignment_dagster.study.claims import Claim
from alignment_dagster.study.classifiers import Classifier
from alignment_dagster.study.deduplication import NearDuplicates
from alignment_dagster.study.fields import (
    Fingerprint,
    Name,
    Names,
    ScorerName,
    Seed,
    Share,
    Text,
    added,
)
from alignment_dagster.study.measurement import Attacks, Evaluation, Harness, Tampering
from alignment_dagster.study.post_training import PostTraining
from alignment_dagster.study.recipes import DropRule, Recipe
from alignment_dagster.study.refresh import Gate, Refresh
from alignment_dagster.study.sources import Role, Source
from alignment_dagster.study.suites import Suite
from alignment_dagster.study.training import Base, Mix, Model, Pretraining, Tokenizer

OWNED_SCHEMAS = frozenset({"information_schema", "pg_catalog", "system", "temp"})
"""DuckDB's own; the marts of a study lie in a schema of its name."""


class Approval(Declared):
    """Who may approve a report, by key: a name alone is anybody's."""

    by: Annotated[tuple[Fingerprint, ...], Field(strict=False, min_length=1)]
    """Fingerprints of reviewers' keys, as `alignment audit approve` prints them. What others decide
    is kept and shown, and does not count."""


class StudyDeclaration(Declared):
    """A file in `assets/studies/`: the one statement a study is made from."""

    name: Name
    """The file's name without its ending."""
    description: Text
    """The question, in a few sentences; the report begins with it."""
    owner: Annotated[str, Field(pattern=r"^(team:[a-z0-9_-]+|[^@\s]+@[^@\s]+)$")]
    """An e-mail address, or `team:name`."""
    sources: Names
    """Where documents come from: files in `assets/sources/`."""
    scorers: Annotated[tuple[ScorerName, ...], Field(strict=False, min_length=1)]
    """What is computed of every document, and decided by; `alignment list scorers` names them, and
    `module:function` is one of your own in `assets/scorers`."""
    classifiers: Annotated[tuple[Name, ...], Field(strict=False)] = ()
    """Scorers that are trained on labelled sources: files in `assets/classifiers/`."""
    recipes: Names
    """Ways in which the corpus becomes training data: files in `assets/recipes/`."""
    suites: Names
    """What every checkpoint is asked: files in `assets/suites/`."""
    seeds: Annotated[tuple[Seed, ...], Field(strict=False, min_length=1)]
    """One replicate of every recipe for each; intervals over seeds need three or more."""
    held_out_share: Share
    """Of the documents: no recipe trains on them, and held-out loss is measured on them."""
    drop: Annotated[tuple[DropRule, ...], Field(strict=False)] = ()
    """What no recipe trains on."""
    near_duplicates: NearDuplicates | None = None
    """What counts as nearly the same text; only exact duplicates where nothing is said."""
    canaries: Annotated[tuple[Canary, ...], Field(strict=False)] = ()
    """Documents of known content, planted in sources: the report says what became of them."""
    base: Base | None = added(None)
    """A checkpoint that every recipe goes on from, instead of `tokenizer` and `model`."""
    tokenizer: Tokenizer | None = None
    """The vocabulary that is trained, unless there is a `base`."""
    mix: Mix
    """The training data of each recipe."""
    model: Model | None = None
    """The decoder that is trained from random weights, unless there is a `base`."""
    pretraining: Pretraining
    """How it is trained on the mix."""
    post_training: PostTraining
    """What follows pretraining, the same for every recipe, but for sources that it names itself."""
    evaluation: Evaluation
    """How the checkpoints are measured."""
    tampering: Annotated[tuple[Tampering, ...], Field(strict=False)] = ()
    """Further fine-tunings that measure how long a benefit lasts."""
    attacks: Attacks | None = None
    """Attempts to break what was trained; none where nothing is said."""
    harness: Harness | None = None
    """Tasks of lm-evaluation-harness; none where nothing is said."""
    baseline: Name
    """The recipe that the others' benefit is measured against."""
    claims: Annotated[tuple[Claim, ...], Field(strict=False)] = ()
    """What is expected, written down before it is looked at; the report gives each a verdict."""
    limits: Annotated[tuple[Text, ...], Field(strict=False)] = ()
    """What the study's numbers do not show; the report says so."""
    approval: Literal["none", "required"] | Approval = "none"
    """Whether a checkpoint is exported only when the report on it is approved: by anybody who has a
    key, or by these."""
    refresh: Refresh | None = None
    """How the study is kept fresh by itself; without it only people start anything."""

    @property
    def approvers(self) -> frozenset[str]:
        """Fingerprints of the keys whose decisions count; empty: anybody's."""
        return frozenset(self.approval.by) if isinstance(self.approval, Approval) else frozenset()

    @field_validator("name")
    @classmethod
    def _schema_is_free(cls, name: str) -> str:
        if name in OWNED_SCHEMAS:
            raise ValueError("is a schema of DuckDB's own: choose another name")
        return name

    @model_validator(mode="after")
    def _nothing_twice(self) -> "StudyDeclaration":
        for field in ("sources", "scorers", "classifiers", "recipes", "suites", "seeds"):
            values = getattr(self, field)
            twice = sorted({str(value) for value in values if values.count(value) > 1})
            if twice:
                raise ValueError(f"{field}: named twice: {', '.join(twice)}")
        for field in ("canaries", "tampering", "claims"):
            names = [item.name for item in getattr(self, field)]
            twice = sorted({name for name in names if names.count(name) > 1})
            if twice:
                raise ValueError(f"{field}: named twice: {', '.join(twice)}")
        return self


class Study(Declared):
    """A study with everything it names: what the rest of the package works from."""

    declaration: StudyDeclaration
    sources: tuple[Source, ...]
    recipes: tuple[Recipe, ...]
    suites: tuple[Suite, ...]
    classifiers: tuple[Classifier, ...] = ()
    assets: Path

    @property
    def name(self) -> str:
        return self.declaration.name

    def source(self, name: str) -> Source:
        return next(source for source in self.sources if source.name == name)

    def recipe(self, name: str) -> Recipe:
        return next(recipe for recipe in self.recipes if recipe.name == name)

    def suite(self, name: str) -> Suite:
        return next(suite for suite in self.suites if suite.name == name)

    def classifier(self, name: str) -> Classifier:
        return next(classifier for classifier in self.classifiers if classifier.name == name)

    @property
    def pretraining_steps(self) -> int:
        """Optimizer steps of every model, those of its trunk among them."""
        mix, step = self.declaration.mix, self.declaration.pretraining.sequences_a_step
        return -(-(mix.tokens // mix.sequence_length) // step)

    @property
    def trunk_recipes(self) -> tuple[str, ...]:
        """The recipes that others branch from."""
        named = {recipe.trunk.recipe for recipe in self.recipes if recipe.trunk is not None}
        return tuple(recipe.name for recipe in self.recipes if recipe.name in named)

    def branches(self, trunk: str) -> tuple[Recipe, ...]:
        """The recipes that branch from a recipe."""
        return tuple(one for one in self.recipes if one.trunk and one.trunk.recipe == trunk)

    def branch_steps(self, trunk: str) -> tuple[int, ...]:
        """The steps of a recipe's training after which others branch from it."""
        return tuple(sorted({self.trunk_steps(one.name) for one in self.branches(trunk)}))

    def trunk_steps(self, recipe: str) -> int:
        """The steps that a recipe's models took in another's training; 0 without a trunk."""
        trunk = self.recipe(recipe).trunk
        if trunk is None:
            return 0
        # Of a smoke run, whose steps are few, each side has at least one.
        return max(1, min(round(trunk.share * self.pretraining_steps), self.pretraining_steps - 1))

    def pretraining(self, recipe: str) -> Pretraining:
        """How a recipe's own steps are trained: with the schedule of its stage, if it has one, and
        in batches of as many tokens as the study's.

        Raises:
            ValueError: if the schedule is longer than the stage, or its sequences fill no batch.
        """
        trunk, declared = self.recipe(recipe).trunk, self.declaration.pretraining
        if trunk is None:
            return declared
        own = declared if trunk.schedule is None else trunk.schedule.applied(declared)
        if trunk.sequence_length is None:
            return own
        tokens = declared.batch_size * self.declaration.mix.sequence_length
        if tokens % trunk.sequence_length:
            raise ValueError(
                f"sequences of {trunk.sequence_length} tokens do not fill a batch of {tokens}"
            )
        batch = tokens // trunk.sequence_length
        if (sequences := batch * own.accumulation) < own.ranks:
            raise ValueError(f"a step of {sequences} sequences is fewer than the {own.ranks} ranks")
        return Pretraining.model_validate({**own.model_dump(), "batch_size": batch})

    def mix(self, recipe: str) -> Mix:
        """What a recipe's own mix is to hold: without the tokens that were read in its trunk."""
        mix, trunk = self.declaration.mix, self.recipe(recipe).trunk
        if trunk is None:
            return mix
        before = self.trunk_steps(recipe) * self.declaration.pretraining.sequences_a_step
        tokens = (mix.tokens // mix.sequence_length - before) * mix.sequence_length
        own = trunk.sequence_length or mix.sequence_length
        # Of a smoke run, whose last step may be short, one sequence at least.
        sequences = max(1, tokens // own)
        return mix.model_copy(update={"tokens": sequences * own, "sequence_length": own})

    @property
    def longest_sequence(self) -> int:
        """Tokens of the longest sequence that some recipe trains on."""
        return max(self.mix(recipe.name).sequence_length for recipe in self.recipes)

    @property
    def scorers(self) -> tuple[str, ...]:
        """All that scores documents: the scorers, then the classifiers as `classifier:NAME`."""
        return (*self.declaration.scorers, *(one.scorer for one in self.classifiers))

    @property
    def sentence_scorers(self) -> tuple[str, ...]:
        """Those of the scorers that some recipe asks of sentences."""
        asked = {name for one in self.recipes for name in one.sentence_scorers}
        return tuple(name for name in self.scorers if name in asked)

    @property
    def asked_suites(self) -> tuple[Suite, ...]:
        """All but the attack suites, which are only asked under attack."""
        return tuple(suite for suite in self.suites if suite.kind != "attack")

    @property
    def gate(self) -> Gate | None:
        """What a new report is held against the last approved one by; None where undeclared."""
        return None if self.declaration.refresh is None else self.declaration.refresh.gate

    def canaries_in(self, source: str) -> tuple[Canary, ...]:
        """Those that are planted in a source."""
        return tuple(one for one in self.declaration.canaries if one.source == source)

    def with_role(self, role: Role) -> tuple[Source, ...]:
        return tuple(source for source in self.sources if source.role == role)

    def shared(self, role: Role) -> tuple[Source, ...]:
        """What post-training reads under every recipe that does not say otherwise."""
        own = frozenset[str]().union(*(one.own_sources for one in self.recipes))
        return tuple(source for source in self.with_role(role) if source.name not in own)

    @property
    def control_tokens(self) -> tuple[str, ...]:
        """What the recipes' treatments put into mixes, sorted: part of the vocabulary of all."""
        return tuple(sorted({name for one in self.recipes for name in one.control_tokens}))

    def groups(self) -> frozenset[str]:
        """The groups of the documents that can be pretrained on."""
        return frozenset(source.group for source in self.with_role("corpus"))


def digest(*parts: Declared) -> str:
    """Hex SHA-256 of declarations: equal where every field is equal."""
    return sha256_json([part.model_dump(mode="json") for part in parts])
