"""A few of the documents that changed: which, where they stand in the raw files, how they begin."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import duckdb

from alignment_dagster.audit.ledgers import fetch_rows
from alignment_dagster.foundation.visible_text import cut, visible

EXAMPLES_EACH = 2
"""Examples of every kind of change."""
EXCERPT_CHARACTERS = 90
"""Characters of a text that are shown."""

CHANGED = f"""
with ranked as (
    select *, coalesce(value_now, value_was) as score, row_number() over (
        partition by recipe, source, was, now, mix
        order by abs(coalesce(tokens_now, 0) - coalesce(tokens_was, 0)) desc, document_id
    ) as place
    from disposition_changes where was <> now or mix <> 'same'
)
select
    recipe, document_id, source, was, now, mix, score, weight_was, weight_now,
    tokens_was, tokens_now, round(tokens_was / length_was, 2) as seen_was,
    round(tokens_now / length_now, 2) as seen_now
from ranked where place <= {EXAMPLES_EACH} order by recipe, source, was, now, mix, place
"""
GONE = f"""
select document_id, source, 'gone' as what from before.texts
where source = $1 and document_id not in (select document_id from after.texts where source = $1)
order by position limit {EXAMPLES_EACH}
"""
NEW = f"""
select document_id, source, 'new' as what from after.texts
where source = $1 and document_id not in (select document_id from before.texts where source = $1)
order by position limit {EXAMPLES_EACH}
"""
TEXTS = f"""
select document_id, path, line, substr("text", 1, {2 * EXCERPT_CHARACTERS}) as excerpt
from {{schema}}.texts where document_id in (select unnest($1::varchar[]))
"""


@dataclass(frozen=True)
class DocumentExample:
    """A document, and what changed for it."""

    document_id: str
    source: str
    what: str
    recipe: str | None = None
    mix: str | None = None
    """Whether it was added to or removed from the mix, or is seen more or less often."""
    score: float | None = None
    """The value by which a rule decided."""
    weight_before: float | None = None
    weight_after: float | None = None
    seen_before: float | None = None
    """How often the mix holds it: its packed tokens over its own."""
    seen_after: float | None = None
    path: str | None = None
    line: int | None = None
    excerpt: str = ""

    @property
    def place(self) -> str:
        """`path:line` in the raw files."""
        return f"{self.path}:{self.line}" if self.line is not None else str(self.path)

    def as_data(self) -> dict[str, Any]:
        return asdict(self)


def find_changed_examples(connection: duckdb.DuckDBPyConnection) -> list[DocumentExample]:
    """Of every recipe, source and kind of change those with the most tokens."""
    found = [
        DocumentExample(
            row["document_id"], row["source"],
            row["now"] if row["was"] == row["now"] else f"{row['was']} → {row['now']}",
            row["recipe"], row["mix"], row["score"], row["weight_was"], row["weight_now"],
            row["seen_was"], row["seen_now"],
        )
        for row in fetch_rows(connection, CHANGED)
    ]  # fmt: skip
    return _add_texts(connection, found)


def find_raw_examples(connection: duckdb.DuckDBPyConnection, source: str) -> list[DocumentExample]:
    """The first documents of a source that are new or gone."""
    found = [
        DocumentExample(row["document_id"], row["source"], row["what"])
        for sql in (NEW, GONE)
        for row in fetch_rows(connection, sql, source)
    ]
    return _add_texts(connection, found)


def cut_excerpt(text: str) -> str:
    """The beginning of a text in one harmless line."""
    return cut(visible(" ".join(text.split())), EXCERPT_CHARACTERS)


def _add_texts(
    connection: duckdb.DuckDBPyConnection, found: Sequence[DocumentExample]
) -> list[DocumentExample]:
    if not found:
        return []
    ids = [one.document_id for one in found]
    texts = {
        row["document_id"]: row
        for schema in ("before", "after")
        for row in fetch_rows(connection, TEXTS.format(schema=schema), ids)
    }
    return [
        replace(one, path=row["path"], line=row["line"], excerpt=cut_excerpt(row["excerpt"]))
        if (row := texts.get(one.document_id))
        else one
        for one in found
    ]
