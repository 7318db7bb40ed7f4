"""The story of one document as JSON."""

from collections.abc import Mapping
from typing import Any

from alignment_dagster.audit.corpus.story import RecipeStory, Story
from alignment_dagster.audit.trace.document_path import packed_as_json
from alignment_dagster.corpus.canaries import canary_of
from alignment_dagster.study.conditions import Clause, Comparison, Score


def story_as_json(story: Story) -> Mapping[str, Any]:
    """The story, complete."""
    values = list_values(story)
    decided = story.corpus.dispositions
    return {
        "study": story.corpus.archive.study,
        "document_id": story.document_id,
        **{name: story.raw[name] for name in ("source", "path", "line", "external_id")},
        "canary": canary_of(story.raw["path"]),
        "group": story.corpus.groups[story.raw["source"]],
        **{name: story.raw[name] for name in ("occurrences", "repeated_at", "characters")},
        "text": story.text,
        "metadata": dict(story.metadata),
        "written": story.written,
        "scores": dict(story.scores),
        "dispositions": decided.label if decided else None,
        "causes": dict(story.causes),
        "recipes": {one.recipe: _recipe_as_json(one, values) for one in story.recipes},
    }


def _recipe_as_json(one: RecipeStory, values: Mapping[str, Score]) -> Mapping[str, Any]:
    return {
        "decisions": one.decisions,
        "rules": [
            {
                "rule": each.rule.rule,
                "holds": each.met is not None,
                "compared": _clause_as_json(each.rule.comparisons(), values),
                "held": _clause_as_json(each.met or (), values),
            }
            for each in one.rules
        ],
        "caused": one.caused,
        "mixes": [packed_as_json(each) for each in one.packed],
        "left_out": one.left_out,
        "read": [
            {
                "stage": each.ledger.stage,
                "seed": each.seed,
                "artifact": each.ledger.checkpoint.label,
                "steps": each.steps,
            }
            for each in one.read
        ],
    }


def _clause_as_json(clause: Clause, values: Mapping[str, Score]) -> list[Mapping[str, Any]]:
    return [
        {
            **vars(one),
            "texts": list(one.texts),
            "value": values.get(f"{one.scorer}.{one.column}"),
            "holds": score_holds(one, values),
        }
        for one in clause
    ]


def list_values(story: Story) -> Mapping[str, Score]:
    """`scorer.column`, or `metadata.column` → what the document has."""
    return {**story.scores, **{f"metadata.{one}": each for one, each in story.metadata.items()}}


def score_holds(one: Comparison, values: Mapping[str, Score]) -> bool:
    """Whether a comparison holds of what a document has."""
    return one.holds(values.get(f"{one.scorer}.{one.column}"))
