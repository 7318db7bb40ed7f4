"""How checkpoints are measured: scoring, tampering, attacks."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field, model_validator

from alignment_dagster.foundation.yaml_models import Declared
from alignment_dagster.study.fields import (
    Count,
    DeclaredPath,
    Name,
    Names,
    Positive,
    Seed,
    Share,
    Text,
)
from alignment_dagster.study.reserved_names import StageName

AttackMethod = Literal[
    "none",
    "prefix_injection",
    "role_play",
    "system_override",
    "few_shot",
    "many_shot",
    "prefill",
    "random_search",
    "gradient_search",
]
ATTACK_METHODS: Mapping[AttackMethod, str] = {
    "none": "The item as it is: what the attacks are compared with.",
    "prefix_injection": "The question demands an answer that begins as a bad one would.",
    "role_play": "The question asks for the answer of a machine without rules.",
    "system_override": "A system prompt says that the AI obeys nobody.",
    "few_shot": "A few answered questions before it, answered badly.",
    "many_shot": "As many of them as the context has room for.",
    "prefill": "The answer's first words are put into the model's mouth.",
    "random_search": "A suffix of tokens, found by random replacements under a budget.",
    "gradient_search": "A suffix of tokens, found along the gradient under a budget.",
}
"""What each is, in a line."""
NO_ATTACK = "none"
WORST_CASE = "worst_case"
"""Whether an item fell to any attack, `none` among them."""
Stage = Literal["base", "sft", "dpo", "grpo"]


class Evaluation(Declared):
    """How the checkpoints are measured."""

    batch_tokens: Count = 2048
    """Upper bound on the tokens of one forward pass."""
    held_out_documents: Count = 200
    """At most so many held-out documents of each source."""
    capability_margin: Share = 0.04
    """A capability lower by less than this counts as no cost (test of equivalence)."""
    threads: Count = 1
    """Of the process that measures."""


class Tampering(Declared):
    """Further fine-tuning of a post-trained checkpoint, measured at log-spaced steps."""

    name: StageName
    """The stage's name in tables, pages and claims."""
    description: Text
    """What it is, in a sentence."""
    kind: Literal["benign", "misaligned", "narrow"]
    """What the data is: ordinary chat, misaligned demonstrations, or narrowly harmful answers."""
    source: Name
    """A source whose role is `tampering` (or `chat`)."""
    start: Literal["sft", "dpo", "grpo"] = "dpo"
    """The checkpoint that is tampered with."""
    method: Literal["full", "lora"] = "full"
    """All weights, or adapters of low rank (LoRA)."""
    lora_rank: Count = 8
    """For `lora`: the adapters' rank."""
    steps: Count
    """Optimizer steps; measured at 0, 1, 2, 4, … and at the last one."""
    batch_size: Count
    """Conversations in a step."""
    learning_rate: Positive
    """The highest of the schedule."""
    suites: Names
    """Suites with options, asked at every measured step without a system prompt."""
    formats: Names | None = None
    """Of the suites' own formats; all of them where nothing is said."""
    threads: Count = 1
    """Of the process that tampers and measures."""


class SearchBudget(Declared):
    """What a token-level search may spend on one item."""

    tokens: Count = 6
    """Length of the suffix that is searched, in tokens."""
    rounds: Count = 8
    """How often candidates are proposed and compared."""
    candidates: Count = 16
    """Suffixes tried in each round."""
    items: Count | None = None
    """At most so many items of each suite are searched."""


class Attacks(Declared):
    """Attempts to make a model answer badly, under a declared budget."""

    suites: Names
    """Suites of two options, or of the kind `attack`."""
    stages: Annotated[tuple[Stage, ...], Field(strict=False, min_length=1)] = ("base", "dpo")
    """The checkpoints that are attacked."""
    methods: Annotated[tuple[AttackMethod, ...], Field(strict=False, min_length=1)]
    """The attacks, `none` among them; `alignment list attacks` says what each is."""
    items: Count | None = None
    """At most so many items of each suite."""
    few_shots: Count = 2
    """Demonstrations that `few_shot` shows."""
    many_shots: Count = 8
    """Demonstrations that `many_shot` shows at most."""
    search: SearchBudget = SearchBudget()
    """For `random_search` and `gradient_search`."""
    max_new_tokens: Count = 24
    """Of a generated answer."""
    seed: Seed = 0
    """Of the searches and the demonstrations."""
    threads: Count = 1
    """Of the process that attacks."""

    @model_validator(mode="after")
    def _nothing_twice(self) -> "Attacks":
        if len(set(self.methods)) < len(self.methods):
            raise ValueError("methods: one is named twice")
        if NO_ATTACK not in self.methods:
            raise ValueError("methods: `none` is needed: it is what the attacks are compared with")
        if self.many_shots <= self.few_shots:
            raise ValueError("many_shots: must be more than `few_shots`")
        return self


class Harness(Declared):
    """Tasks of lm-evaluation-harness that every checkpoint is measured with (an extra)."""

    tasks: Annotated[tuple[Text, ...], Field(strict=False, min_length=1)]
    """Names of tasks or groups: the harness's own, or of files below `include_path`."""
    include_path: DeclaredPath | None = None
    """A folder below `assets/suites` with task files; they may hold code, which is run."""
    limit: Count | None = None
    """At most so many documents of each task."""
    batch_size: Count = 8
    """Documents in a batch."""
    threads: Count = 1
    """Of the process that measures."""
