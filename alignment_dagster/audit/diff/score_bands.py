"""The documents whose disposition changed, by bands of the score that each rule looks at."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import duckdb

from alignment_dagster import chain
from alignment_dagster.audit.diff import dispositions
from alignment_dagster.audit.diff.side import Side
from alignment_dagster.audit.ledgers import fetch_rows

BANDS = 8
"""A score with no more values than this has a band for each; others by eighths of the documents."""

SCORED = """
create or replace temp table scored as
select disposition_changes.*, old.value as score_was, new.value as score_now
from disposition_changes
left join (select document_id, value from before.scores where scorer = $2 and "column" = $3) as old
    on old.document_id = disposition_changes.document_id
left join (select document_id, value from after.scores where scorer = $2 and "column" = $3) as new
    on new.document_id = disposition_changes.document_id
where disposition_changes.recipe = $1
    and ($4::varchar[] is null or list_contains($4, disposition_changes."group"))
    and (disposition_changes.was <> disposition_changes.now or disposition_changes.mix <> 'same')
    and (old.value is not null or new.value is not null)
"""
VALUES = "select score_was as value from scored union all select score_now from scored"
DISTINCT = f"""
select distinct value from ({VALUES}) where value is not null order by value limit {BANDS + 1}
"""
EIGHTHS = f"""
select quantile_disc(value, [n / {BANDS} for n in range(1, {BANDS})]) as edges from ({VALUES})
"""
BAND = """case when {0} is not null
    then len(list_filter($1::double[], lambda edge: {0} >= edge)) end"""
"""How many bands begin at or below a score."""
COUNTS = f"""
select
    {BAND.format("score_was")} as band_was,
    {BAND.format("score_now")} as band_now,
    count(*) as documents,
    count(*) filter (was = '{dispositions.KEPT}' and now = $2) as now_dropped,
    count(*) filter (was = $2 and now = '{dispositions.KEPT}') as now_kept,
    count(*) filter (mix = '{dispositions.ADDED}') as added,
    count(*) filter (mix = '{dispositions.REMOVED}') as removed,
    count(*) filter (mix = '{dispositions.MORE}') as seen_more,
    count(*) filter (mix = '{dispositions.LESS}') as seen_less
from scored group by 1, 2 order by 1 nulls first, 2 nulls first
"""


@dataclass(frozen=True)
class ScoreRule:
    """A rule that drops documents by a score."""

    rule: str
    scorer: str
    column: str
    groups: tuple[str, ...] | None
    bounds: tuple[float, ...]
    """On either side."""


def count_by_band(
    connection: duckdb.DuckDBPyConnection, recipe: str, before: Side, after: Side
) -> Iterator[dict[str, Any]]:
    """For each rule of a recipe, on either side, the documents by bands of their score.

    A document's score may lie in another band afterwards: then what the scorer reads has changed.
    """
    for rule in list_rules(recipe, before, after):
        groups = list(rule.groups) if rule.groups is not None else None
        connection.execute(SCORED, [recipe, rule.scorer, rule.column, groups])
        edges, names = split_bands(connection, rule)
        for row in fetch_rows(connection, COUNTS, edges, dispositions.DROPPED + rule.rule):
            was, now = (
                None if at is None else names[at]
                for at in (row.pop("band_was"), row.pop("band_now"))
            )
            yield {
                "recipe": recipe, "rule": rule.rule, "score": f"{rule.scorer}.{rule.column}",
                "band_before": was, "band_after": now, **row,
            }  # fmt: skip


def list_rules(recipe: str, before: Side, after: Side) -> list[ScoreRule]:
    """The rules of the study and the recipe on either side, with the bounds of both."""
    found: dict[tuple[str, str, str], ScoreRule] = {}
    for side in (before, after):
        for one, compared in _comparisons(side, recipe):
            key = (one["rule"], compared["scorer"], compared["column"])
            groups = _join_groups(found[key].groups if key in found else (), one["groups"])
            bounds = [compared[way] for way in ("above", "below") if compared[way] is not None]
            known = found[key].bounds if key in found else ()
            found[key] = ScoreRule(*key, groups, tuple(dict.fromkeys([*known, *bounds])))
    return list(found.values())


def split_bands(
    connection: duckdb.DuckDBPyConnection, rule: ScoreRule
) -> tuple[list[float], list[str]]:
    """Where each band but the first begins, and what the bands are called."""
    values = [row["value"] for row in fetch_rows(connection, DISTINCT)]
    if len(values) <= BANDS:
        return values[1:], [f"{value:g}" for value in values]
    eighths = fetch_rows(connection, EIGHTHS)[0]["edges"] or []
    edges = sorted({*eighths, *rule.bounds} - {values[0]})
    between = [f"{low:g} to < {high:g}" for low, high in pairwise(edges)]
    return edges, [f"< {edges[0]:g}", *between, f"≥ {edges[-1]:g}"]


def _comparisons(side: Side, recipe: str) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Each rule with each of its comparisons with a number."""
    for rule in _declared_rules(side, recipe):
        open_conditions = [rule]
        while open_conditions:
            one = open_conditions.pop()
            for joined in ("any", "all", "none"):
                open_conditions += one.get(joined) or []
            if one.get("above") is not None or one.get("below") is not None:
                yield rule, one


def _declared_rules(side: Side, recipe: str) -> Iterator[dict[str, Any]]:
    for artifact in side.all(chain.DISPOSITIONS):
        declared = side.declared(artifact)
        yield from declared.get("drop", ())
        for one in declared.get("recipes", ()):
            if one["name"] == recipe:
                yield from one["drop"]


def _join_groups(
    known: tuple[str, ...] | None, groups: Sequence[str] | None
) -> tuple[str, ...] | None:
    """The groups that a rule looks at on either side; None stands for all."""
    if known is None or groups is None:
        return None
    return tuple(dict.fromkeys([*known, *groups]))
