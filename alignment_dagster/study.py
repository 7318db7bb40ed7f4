"""What a study declares: the frozen models of the files in `assets/`."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from alignment_dagster.declarations import Declared
from alignment_dagster.digests import sha256_json

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=60)]
Text = Annotated[str, Field(min_length=1)]
Share = Annotated[float, Field(gt=0, lt=1)]
Count = Annotated[int, Field(ge=1)]
Positive = Annotated[float, Field(gt=0)]
Names = Annotated[tuple[Name, ...], Field(strict=False, min_length=1)]

Role = Literal["corpus", "chat", "preferences"]


class GeneratedReader(Declared):
    """Documents written by one of the package's own seeded generators."""

    kind: Literal["generated"]
    generator: Name
    documents: Count
    seed: Annotated[int, Field(ge=0)] = 0


class JsonlReader(Declared):
    """One JSON object a line, in `.jsonl` or `.jsonl.gz` files."""

    kind: Literal["jsonl"]
    path: Text
    text: Text | None = None
    id: Text | None = None
    prompt: Text | None = None
    completion: Text | None = None
    chosen: Text | None = None
    rejected: Text | None = None
    front_matter: Literal["keep", "strip"] = "keep"


class CsvReader(Declared):
    """One row a document; the text is the named columns, joined by a blank line."""

    kind: Literal["csv"]
    path: Text
    text: Annotated[tuple[Text, ...], Field(strict=False, min_length=1)]
    id: Text | None = None


class MarkdownReader(Declared):
    """A Markdown file, one document for each section of the given heading level."""

    kind: Literal["markdown"]
    path: Text
    heading_level: Annotated[int, Field(ge=1, le=6)] = 2


Reader = Annotated[
    GeneratedReader | JsonlReader | CsvReader | MarkdownReader, Field(discriminator="kind")
]


class Source(Declared):
    """Where raw documents come from. `path` in the reader is relative to the data folder."""

    name: Name
    description: Text
    licence: Text
    role: Role
    group: Name
    reader: Reader
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] | None = None
    ai_discourse: bool | None = None
    """Whether its documents speak of AI, where that is known: the filter is measured on it."""


class DropRule(Declared):
    """Drop a document when a score lies strictly above, or strictly below, a bound."""

    rule: Name
    scorer: Name
    column: Name
    above: float | None = None
    below: float | None = None
    groups: Names | None = None

    @model_validator(mode="after")
    def _one_bound(self) -> "DropRule":
        if (self.above is None) == (self.below is None):
            raise ValueError("give exactly one of `above` and `below`")
        return self


class Upsampled(Declared):
    """A group of documents that makes up a fixed share of the training tokens."""

    group: Name
    share: Share


class Recipe(Declared):
    """How the corpus becomes training data: a base group, shares of other groups, and filters."""

    name: Name
    description: Text
    base: Name
    upsample: Annotated[tuple[Upsampled, ...], Field(strict=False)] = ()
    drop: Annotated[tuple[DropRule, ...], Field(strict=False)] = ()

    @property
    def shares(self) -> dict[str, float]:
        """Group → its share of the training tokens; they sum to one."""
        upsampled = {item.group: item.share for item in self.upsample}
        return {self.base: 1.0 - sum(upsampled.values()), **upsampled}

    @model_validator(mode="after")
    def _shares_add_up(self) -> "Recipe":
        groups = [self.base, *(item.group for item in self.upsample)]
        if len(set(groups)) < len(groups):
            raise ValueError("a group is named twice")
        if sum(item.share for item in self.upsample) >= 1:
            raise ValueError("the shares of the upsampled groups leave nothing for the base group")
        return self


ItemReaderKind = Literal["scenarios", "cloze", "anthropic_evals"]


class Items(Declared):
    """The file that holds a suite's items, and how it is read."""

    reader: ItemReaderKind
    path: Text
    folder: Literal["assets", "data"] = "assets"
    misaligned: Literal["matching", "not_matching"] | None = None
    """For `anthropic_evals`: which of the two answers is the misaligned one."""
    limit: Count | None = None
    """Keep a seeded sample of so many items."""

    @model_validator(mode="after")
    def _label_is_declared(self) -> "Items":
        if self.reader == "anthropic_evals" and self.misaligned is None:
            raise ValueError(
                "say which answer is the misaligned one: `misaligned: matching` or `not_matching`"
            )
        return self


class Suite(Declared):
    """A set of evaluation items and the ways in which they are asked."""

    name: Name
    description: Text
    licence: Text
    kind: Literal["misalignment", "capability"]
    split: Literal["articles", "textbook"] | None = None
    items: Items
    formats: Names
    system_prompts: Names = ("none",)


class Tokenizer(Declared):
    """A byte-level BPE vocabulary, trained on the study's corpus."""

    vocab_size: Annotated[int, Field(ge=300, le=65536)]


class Mix(Declared):
    """How many tokens a recipe trains on, and how they are packed."""

    tokens: Count
    sequence_length: Annotated[int, Field(ge=16)]
    seed: Annotated[int, Field(ge=0)] = 0
    max_repeats: Positive = 16.0
    """How often a document may be seen before the budget counts as not met."""
    share_tolerance: Positive = 0.01


class Model(Declared):
    """A decoder of the Llama architecture; the weights of embedding and output are tied."""

    layers: Count
    width: Count
    heads: Count
    mlp_width: Count

    @model_validator(mode="after")
    def _heads_divide(self) -> "Model":
        if self.width % (2 * self.heads):
            raise ValueError("width must be a multiple of twice the number of heads")
        return self


class Pretraining(Declared):
    """AdamW over the mix, once; batch sizes are in sequences."""

    batch_size: Count
    accumulation: Count = 1
    learning_rate: Positive
    schedule: Literal["cosine", "wsd"] = "cosine"
    warmup_share: Annotated[float, Field(ge=0, lt=1)] = 0.01
    decay_share: Share = 0.2
    """For `wsd`: the last share of the steps, in which the rate falls to zero."""
    final_rate: Annotated[float, Field(ge=0, le=1)] = 0.1
    """For `cosine`: the last learning rate as a share of the highest."""
    weight_decay: Annotated[float, Field(ge=0)] = 0.1
    beta1: Share = 0.9
    beta2: Share = 0.95
    gradient_clip: Positive = 1.0
    precision: Literal["fp32", "bf16"] = "fp32"
    checkpoint_every: Count = 50
    threads: Count = 1


class SupervisedFineTuning(Declared):
    """Fine-tuning on conversations (TRL's SFTTrainer); loss on the answers only."""

    epochs: Count = 1
    batch_size: Count
    learning_rate: Positive
    examples: Count | None = None


class PreferenceOptimisation(Declared):
    """Direct preference optimisation (TRL's DPOTrainer)."""

    epochs: Count = 1
    batch_size: Count
    learning_rate: Positive
    beta: Positive
    examples: Count | None = None


class PostTraining(Declared):
    """The same SFT and DPO for every recipe."""

    sft: SupervisedFineTuning
    dpo: PreferenceOptimisation
    threads: Count = 1


class Evaluation(Declared):
    """How the checkpoints are measured."""

    resamples: Count = 1000
    """Bootstrap resamples for the intervals."""
    batch_tokens: Count = 8192
    """Upper bound on the tokens of one forward pass."""
    held_out_documents: Count = 200
    """At most so many held-out documents of each source."""
    threads: Count = 1


class StudyDeclaration(Declared):
    """A file in `assets/studies/`: the one statement a study is made from."""

    name: Name
    description: Text
    owner: Annotated[str, Field(pattern=r"^(team:[a-z0-9_-]+|[^@\s]+@[^@\s]+)$")]
    """An e-mail address, or `team:name`."""
    sources: Names
    scorers: Names
    recipes: Names
    suites: Names
    seeds: Annotated[tuple[Annotated[int, Field(ge=0)], ...], Field(strict=False, min_length=1)]
    held_out_share: Share
    drop: Annotated[tuple[DropRule, ...], Field(strict=False)] = ()
    tokenizer: Tokenizer
    mix: Mix
    model: Model
    pretraining: Pretraining
    post_training: PostTraining
    evaluation: Evaluation
    limits: Annotated[tuple[Text, ...], Field(strict=False)] = ()
    """What the study's numbers do not show; the report says so."""

    @model_validator(mode="after")
    def _nothing_twice(self) -> "StudyDeclaration":
        for field in ("sources", "scorers", "recipes", "suites", "seeds"):
            values = getattr(self, field)
            twice = sorted({str(value) for value in values if values.count(value) > 1})
            if twice:
                raise ValueError(f"{field}: named twice: {', '.join(twice)}")
        return self


class Study(Declared):
    """A study with everything it names: what the rest of the package works from."""

    declaration: StudyDeclaration
    sources: tuple[Source, ...]
    recipes: tuple[Recipe, ...]
    suites: tuple[Suite, ...]
    assets: Path

    @property
    def name(self) -> str:
        return self.declaration.name

    def source(self, name: str) -> Source:
        return next(source for source in self.sources if source.name == name)

    def recipe(self, name: str) -> Recipe:
        return next(recipe for recipe in self.recipes if recipe.name == name)

    def with_role(self, role: Role) -> tuple[Source, ...]:
        return tuple(source for source in self.sources if source.role == role)

    def groups(self) -> frozenset[str]:
        """The groups of the documents that can be pretrained on."""
        return frozenset(source.group for source in self.with_role("corpus"))


def digest(*parts: Declared) -> str:
    """Hex SHA-256 of declarations: equal where every field is equal."""
    return sha256_json([part.model_dump(mode="json") for part in parts])
