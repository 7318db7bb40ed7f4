"""Documents that were added, removed and re-weighted: by source, by rule, and in the raw corpus.

All counts are exact.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb

from alignment_dagster import chain
from alignment_dagster.audit.diff import dispositions
from alignment_dagster.audit.diff.examples import (
    DocumentExample,
    find_changed_examples,
    find_raw_examples,
)
from alignment_dagster.audit.diff.ledgers import SCHEMAS, list_shared_recipes
from alignment_dagster.audit.diff.score_bands import count_by_band
from alignment_dagster.audit.diff.side import Side
from alignment_dagster.audit.ledgers import fetch_rows

Row = dict[str, Any]

BY_SOURCE = f"""
with changed as (
    select source,
        count(*) filter (mix = '{dispositions.ADDED}') as added,
        count(*) filter (mix = '{dispositions.REMOVED}') as removed,
        count(*) filter (mix = '{dispositions.MORE}') as seen_more,
        count(*) filter (mix = '{dispositions.LESS}') as seen_less,
        count(*) filter (weight_was <> weight_now) as reweighted
    from disposition_changes where recipe = $1 group by source
),
old as (
    select source, count(*) as documents, sum(packed_tokens)::bigint as tokens
    from before.mixes where recipe = $1 group by source
),
new as (
    select source, count(*) as documents, sum(packed_tokens)::bigint as tokens
    from after.mixes where recipe = $1 group by source
)
select
    $1 as recipe, source,
    coalesce(old.documents, 0) as before, coalesce(new.documents, 0) as after,
    coalesce(added, 0) as added, coalesce(removed, 0) as removed,
    coalesce(seen_more, 0) as seen_more, coalesce(seen_less, 0) as seen_less,
    coalesce(old.tokens, 0) as tokens_before, coalesce(new.tokens, 0) as tokens_after,
    coalesce(reweighted, 0) as reweighted
from old full join new using (source) full join changed using (source)
where old.documents is not null or new.documents is not null or reweighted > 0
order by greatest(tokens_before, tokens_after) desc, source
"""
WEIGHTS = """
select source, avg(weight) as weight from {schema}.dispositions
where recipe = $1 and state = 'kept' and use = 'pretraining' group by source
"""
BY_RULE = f"""
select recipe, was, now, source, count(*) as documents,
    count(*) filter (mix = '{dispositions.ADDED}') as into_the_mix,
    count(*) filter (mix = '{dispositions.REMOVED}') as out_of_the_mix
from disposition_changes where was <> now group by all
order by recipe, documents desc, source, was, now
"""
RAW = """
with old as (select document_id from before.texts where source = $1),
new as (select document_id from after.texts where source = $1)
select
    count(old.document_id) as before, count(new.document_id) as after,
    count(*) filter (old.document_id is null) as added,
    count(*) filter (new.document_id is null) as gone
from old full join new on new.document_id = old.document_id
"""


@dataclass(frozen=True)
class DocumentChanges:
    """What changed in the data."""

    raw: list[Row]
    """Of each source whose documents are not the same."""
    by_source: list[Row]
    """Of each changed recipe and source: documents and tokens in the mix, and the weights."""
    by_rule: list[Row]
    """From one decision to another."""
    by_band: list[Row]
    """Of each rule, by bands of the score that it looks at."""
    examples: list[DocumentExample]
    raw_examples: list[DocumentExample]


def find_document_changes(
    connection: duckdb.DuckDBPyConnection, before: Side, after: Side
) -> DocumentChanges:
    """Everything about the data that differs, of the recipes that both sides have."""
    changed = list(list_changed_recipes(before, after))
    sources = list_changed_sources(before, after)
    return DocumentChanges(
        **count_changes(connection, changed, sources),
        by_band=[row for one in changed for row in count_by_band(connection, one, before, after)],
        examples=find_changed_examples(connection),
        raw_examples=[one for source in sources for one in find_raw_examples(connection, source)],
    )


def count_changes(
    connection: duckdb.DuckDBPyConnection, recipes: Sequence[str], sources: Sequence[str]
) -> dict[str, list[Row]]:
    """`raw`, `by_source` and `by_rule` of `DocumentChanges`; fills the table `disposition_changes`.

    Args:
        recipes: of both sides.
        sources: whose raw documents are counted.
    """
    dispositions.fill_changes(connection, recipes)
    return {
        "raw": [{"source": one, **fetch_rows(connection, RAW, one)[0]} for one in sources],
        "by_source": [row for recipe in recipes for row in _count_by_source(connection, recipe)],
        "by_rule": fetch_rows(connection, BY_RULE),
    }


def list_changed_recipes(before: Side, after: Side) -> Iterator[str]:
    """Recipes of both sides of which the mix, or what was decided, has other bytes."""
    for recipe in list_shared_recipes(before, after):
        if _digests(before, recipe) != _digests(after, recipe):
            yield recipe


def list_changed_sources(before: Side, after: Side) -> list[str]:
    """Sources whose documents have other bytes, or that one side alone has."""
    digests = [
        {one.partition or "": one.digest for one in side.all(chain.RAW_CORPUS)}
        for side in (before, after)
    ]
    names = dict.fromkeys([*digests[0], *digests[1]])
    return [one for one in names if digests[0].get(one) != digests[1].get(one)]


def _digests(side: Side, recipe: str) -> list[str]:
    """Of a recipe's mix, and of the files with its decisions."""
    mix = next(one for one in side.all(chain.CURATED_MIX) if side.key(one)[1] == recipe)
    files = [
        digest
        for one in side.all(chain.DISPOSITIONS)
        for name, digest in sorted(one.manifest.files.items())
        if name.startswith(f"{mix.partition}/")
    ]
    return [mix.digest, *files]


def _count_by_source(connection: duckdb.DuckDBPyConnection, recipe: str) -> Iterator[Row]:
    """With the mean weight of the kept documents; None where none is kept."""
    weights = [
        {
            row["source"]: row["weight"]
            for row in fetch_rows(connection, WEIGHTS.format(schema=one), recipe)
        }
        for one in SCHEMAS
    ]
    for row in fetch_rows(connection, BY_SOURCE, recipe):
        source = row["source"]
        old, new = (side.get(source) for side in weights)
        yield {**row, "weight_before": old, "weight_after": new}
