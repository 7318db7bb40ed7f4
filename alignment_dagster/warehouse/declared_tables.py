"""What a study declares, as the small tables that the SQL is driven by."""

from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from alignment_dagster.study import DropRule, Recipe, Study

Row = dict[str, object]
Columns = Mapping[str, pa.DataType]

EVERY_USE: tuple[str, ...] = ("pretraining", "sft", "dpo", "tampering")
SOURCES: Columns = {
    "source": pa.string(),
    "position": pa.int64(),
    "role": pa.string(),
    "group": pa.string(),
    "ai_discourse": pa.bool_(),
    "recipes": pa.list_(pa.string()),
}
"""`recipes` are those that alone read a source; null where all may."""
RECIPES: Columns = {"recipe": pa.string()}
GROUPS: Columns = {
    "recipe": pa.string(),
    "group": pa.string(),
    "share": pa.float64(),
    "is_remainder": pa.bool_(),
}
RULES: Columns = {
    "recipe": pa.string(),
    "position": pa.int64(),
    "rule": pa.string(),
    "groups": pa.list_(pa.string()),
    "uses": pa.list_(pa.string()),
}
COMPARISONS: Columns = {
    "recipe": pa.string(),
    "position": pa.int64(),
    "clause": pa.int64(),
    "comparisons": pa.int64(),
    "scorer": pa.string(),
    "column": pa.string(),
    "operator": pa.string(),
    "bound": pa.float64(),
    "texts": pa.list_(pa.string()),
    "negated": pa.bool_(),
}
"""A rule holds of a document where all comparisons of one of its clauses do."""
SETTINGS: Columns = {"held_out_share": pa.float64()}
SUITES: Columns = {"suite": pa.string(), "metric": pa.string()}


def write_plan(study: Study, folder: Path) -> dict[str, Path]:
    """Write the tables as `plan_<name>.parquet`; return them by name."""
    settings: Row = {"held_out_share": study.declaration.held_out_share}
    tables: dict[str, tuple[list[Row], Columns]] = {
        "sources": (_sources(study), SOURCES),
        "recipes": ([{"recipe": recipe.name} for recipe in study.recipes], RECIPES),
        "groups": ([row for recipe in study.recipes for row in _groups(recipe)], GROUPS),
        "rules": ([row for recipe in study.recipes for row in _rules(study, recipe)], RULES),
        "comparisons": (
            [row for recipe in study.recipes for row in _comparisons(study, recipe)],
            COMPARISONS,
        ),
        "settings": ([settings], SETTINGS),
        "suites": (
            [{"suite": suite.name, "metric": suite.metric} for suite in study.suites],
            SUITES,
        ),
    }
    return {
        name: write_table(rows, columns, folder / f"plan_{name}.parquet")
        for name, (rows, columns) in tables.items()
    }


def write_table(rows: list[Row], columns: Columns, path: Path) -> Path:
    """Write rows as Parquet with exactly these columns, even where there are no rows."""
    pq.write_table(pa.Table.from_pylist(rows, schema=pa.schema(list(columns.items()))), path)
    return path


def _sources(study: Study) -> list[Row]:
    return [
        {
            "source": source.name,
            "position": position,
            "role": source.role,
            "group": source.group,
            "ai_discourse": source.ai_discourse,
            "recipes": _readers(study, source.name),
        }
        for position, source in enumerate(study.sources)
    ]


def _readers(study: Study, source: str) -> list[str] | None:
    """The recipes that alone are post-trained on a source; None where there are none."""
    return [one.name for one in study.recipes if source in one.own_sources] or None


def _groups(recipe: Recipe) -> list[Row]:
    return [
        {
            "recipe": recipe.name,
            "group": group,
            "share": share,
            "is_remainder": group == recipe.remainder,
        }
        for group, share in recipe.shares.items()
    ]


def _declared(study: Study, recipe: Recipe) -> list[tuple[DropRule, tuple[str, ...]]]:
    """The rules that decide under a recipe, in order, each with the uses that it looks at."""
    # a recipe's own rules leave post-training and tampering alone: they are the same for all
    declared = [(rule, EVERY_USE) for rule in study.declaration.drop]
    return declared + [(rule, EVERY_USE[:1]) for rule in recipe.drop]


def _rules(study: Study, recipe: Recipe) -> list[Row]:
    return [
        {
            "recipe": recipe.name,
            "position": position,
            "rule": rule.rule,
            "groups": list(rule.groups) if rule.groups else None,
            "uses": list(uses),
        }
        for position, (rule, uses) in enumerate(_declared(study, recipe))
    ]


def _comparisons(study: Study, recipe: Recipe) -> list[Row]:
    return [
        {
            "recipe": recipe.name,
            "position": position,
            "clause": number,
            "comparisons": len(clause),
            **vars(one),
            "texts": list(one.texts),
        }
        for position, (rule, _) in enumerate(_declared(study, recipe))
        for number, clause in enumerate(rule.clauses())
        for one in clause
    ]
