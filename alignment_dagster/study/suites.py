"""What is asked of a model, and how."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from alignment_dagster.foundation.yaml_models import Declared
from alignment_dagster.study.fields import Count, DeclaredPath, Names, Text
from alignment_dagster.study.reserved_names import SuiteName

ItemReaderKind = Literal[
    "scenarios", "cloze", "anthropic_evals", "choice_table", "harmbench", "prompts", "lm_eval_task"
]
ITEM_READERS: Mapping[ItemReaderKind, str] = {
    "scenarios": "JSONL of this project: a scenario, its options, which one is misaligned.",
    "cloze": "JSONL of this project: a context, its options, which one is right.",
    "anthropic_evals": "JSONL of Anthropic's evals: matching and not matching answers.",
    "choice_table": "A CSV or JSONL table: question, choices, which one is right or misaligned.",
    "harmbench": "HarmBench's CSV of behaviours.",
    "prompts": "A CSV or JSONL table, one column of which holds prompts.",
    "lm_eval_task": "A multiple-choice task of lm-evaluation-harness over local data.",
}
"""What each reads, in a line."""
SuiteKind = Literal[
    "two_option", "multiple_choice", "capability", "generation", "continuation", "attack"
]
MISALIGNMENT_RATE = "misalignment_rate"
ACCURACY = "accuracy"
FLAGGED_RATE = "flagged_rate"
ATTACK_SUCCESS = "attack_success"
METRICS: dict[str, str] = {
    "two_option": MISALIGNMENT_RATE,
    "multiple_choice": MISALIGNMENT_RATE,
    "capability": ACCURACY,
    "generation": FLAGGED_RATE,
    "continuation": FLAGGED_RATE,
    "attack": ATTACK_SUCCESS,
}


COVERED, UNCOVERED = "articles", "textbook"
"""Splits: on whose topics documents may be written, and on whose none may."""
HELD_OUT = "held_out"
"""The suite under which the losses of held-out documents stand among the numbers."""


class Items(Declared):
    """The file that holds a suite's items, and how it is read."""

    reader: ItemReaderKind
    """What the file's rows are; `alignment list readers` says it of each."""
    path: DeclaredPath
    """Relative to the folder."""
    folder: Literal["assets", "data"] = "assets"
    """`assets`: `assets/suites`; `data`: the data folder."""
    misaligned: Literal["matching", "not_matching"] | None = None
    """For `anthropic_evals`: which of the two answers is the misaligned one."""
    text: Text | None = None
    """For `prompts` over a CSV or JSONL file: the column or field that holds the prompt."""
    limit: Count | None = None
    """Keep a seeded sample of so many items."""
    max_quarantined_share: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """The share of the file's rows that may be set aside, where no item can be made of them."""

    @model_validator(mode="after")
    def _label_is_declared(self) -> "Items":
        if self.reader == "anthropic_evals" and self.misaligned is None:
            raise ValueError(
                "say which answer is the misaligned one: `misaligned: matching` or `not_matching`"
            )
        if (self.reader == "prompts") != (self.text is not None):
            raise ValueError("`text` names a field for the reader `prompts`, and for it only")
        return self


class GenerationScorer(Declared):
    """What decides whether a generated text is bad.

    `lexicon`: it holds a term of a file below `assets/lexicons`; `refusal`: it does not refuse;
    `closest_option`: it is nearer to the misaligned option; `judge`: a language model says so.
    """

    kind: Literal["lexicon", "refusal", "closest_option", "judge"]
    """What decides."""
    lexicon: DeclaredPath | None = None
    """For `lexicon`: a file below `assets/lexicons`."""
    labelled: DeclaredPath | None = None
    """For `judge`: a JSONL file below `assets/suites` with labelled answers to agree with."""
    min_agreement: Annotated[float, Field(gt=0, le=1)] = 0.9
    """For `judge`: the share of labelled answers on which it must agree before it is used."""
    fallback: Literal["refusal", "closest_option"] | None = None
    """For `judge`: what decides where no endpoint is set; without it, that is an error."""

    @model_validator(mode="after")
    def _files_are_named(self) -> "GenerationScorer":
        if (self.kind == "lexicon") != (self.lexicon is not None):
            raise ValueError("`lexicon` names a file for the kind `lexicon`, and for it only")
        if (self.kind == "judge") != (self.labelled is not None):
            raise ValueError("`labelled` names a file for the kind `judge`, and for it only")
        if self.fallback is not None and self.kind != "judge":
            raise ValueError("`fallback` belongs to the kind `judge`")
        return self


class Suite(Declared):
    """A set of evaluation items and the ways in which they are asked."""

    name: SuiteName
    """The file's name without its ending."""
    description: Text
    """What is asked, and what counts as misaligned."""
    licence: Text
    """Of the items."""
    kind: SuiteKind
    """What an answer is, and what is counted."""
    split: Literal["articles", "textbook"] | None = None
    """Whether synthetic documents cover its topics (`articles`) or not (`textbook`)."""
    items: Items
    """Where the items lie."""
    formats: Names
    """How an item is put to a model; `alignment list formats` says it of each."""
    system_prompts: Names = ("none",)
    """What a post-trained model is told first: `none`, `ai`, `helpful`, `hhh`."""
    normalisation: Literal["per_token", "summed"] = "per_token"
    """How full-text options are compared: mean or summed log-probability."""
    scorer: GenerationScorer | None = None
    """For suites that are answered freely, and for attacks."""
    max_new_tokens: Count = 32
    """Of a generated answer."""

    @property
    def settings(self) -> dict[str, Any]:
        """All that can change an answer: it as declared, without what is only said of it."""
        return self.model_dump(
            mode="json",
            exclude={"description": True, "licence": True, "items": {"max_quarantined_share"}},
        )

    @property
    def metric(self) -> str:
        """The name of what its hits are a share of."""
        return METRICS[self.kind]

    @property
    def has_options(self) -> bool:
        """Whether options are compared; otherwise text is generated."""
        return self.kind in ("two_option", "multiple_choice", "capability")

    @model_validator(mode="after")
    def _scorer_is_declared(self) -> "Suite":
        if not self.has_options and self.scorer is None:
            raise ValueError(f"a suite of the kind {self.kind!r} needs a `scorer`")
        return self
