"""What the tests of attacks share."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alignment_dagster.evaluation.suites.items import Item
from alignment_dagster.study import Attacks, SearchBudget, Suite

METHODS = (
    "none",
    "prefix_injection",
    "role_play",
    "system_override",
    "few_shot",
    "many_shot",
    "prefill",
    "random_search",
    "gradient_search",
)
CONTEXT = 250


@dataclass(frozen=True)
class Drill:
    """A suite of short scenarios, two items each, and where its files are."""

    suite: Suite
    items: tuple[Item, ...]
    folder: Path


def attacks(**changes: Any) -> Attacks:
    fields: dict[str, Any] = {
        "suites": ["drill"],
        "methods": METHODS,
        "items": 4,
        "few_shots": 1,
        "many_shots": 3,
        "search": {"tokens": 3, "rounds": 3, "candidates": 6, "items": 2},
        "max_new_tokens": 6,
        **changes,
    }
    return Attacks.model_validate(fields)


def target(suite: Suite, item: Item, stage: str = "dpo", context: int = CONTEXT) -> Any:
    from alignment_dagster.evaluation.attacks.templates import Target

    return Target(suite, item, stage, context, 6)


def make_search(loaded: Any, stage: str = "dpo", seed: int = 0, **budget: int) -> Any:
    from alignment_dagster.evaluation.attacks.conversation import Renderer
    from alignment_dagster.evaluation.attacks.objective import AttackedModel
    from alignment_dagster.evaluation.attacks.search import Search
    from alignment_dagster.evaluation.attacks.vocabulary import Vocabulary

    renderer = Renderer(loaded.tokenizer, stage)
    declared = {"tokens": 4, "rounds": 5, "candidates": 8, **budget}
    return Search(
        AttackedModel(loaded.model, renderer, 1000),
        Vocabulary(loaded.tokenizer, renderer),
        SearchBudget(**declared),
        seed,
    )
