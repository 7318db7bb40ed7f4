"""Documents of a corpus that fit filters, a page at a time, in the order of a score or of ids.

Ids are digests: in their order any page is a fair sample.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from alignment_dagster.audit.corpus.current import Corpus
from alignment_dagster.audit.corpus.thresholds import holders, select_scores
from alignment_dagster.audit.ledgers import fetch_rows
from alignment_dagster.audit.trace.documents import IS_LISTED
from alignment_dagster.audit.trace.parquet import Connection, Row
from alignment_dagster.audit.trace.written import find_written
from alignment_dagster.lineage import file_names
from alignment_dagster.lineage.shards import shard_paths

PAGE = 25
EACH = 3
"""Documents of every source and rule that are shown where nothing is asked for."""
EXCERPT = 400
"""Characters of a text that are read."""
KEPT = "kept"
FILTERS = ("source", "group", "use", "state", "rule")
"""Columns of the decision that a document can be asked for by."""


@dataclass(frozen=True)
class Asked:
    """Which documents, and in which order."""

    recipe: str
    filters: Mapping[str, str] = field(default_factory=dict)
    """Of `FILTERS`."""
    column: str | None = None
    """`scorer.column`: what `above`, `below` and the order are of."""
    above: float | None = None
    below: float | None = None
    descending: bool = True
    page: int = 1


@dataclass(frozen=True)
class Found:
    """A page of documents."""

    documents: int
    """All that fit."""
    rows: list[Row]
    """`document_id`, `source`, `state`, `rule`, `value`, `score`, `path`, `line`, `excerpt`, …"""


def find_documents(connection: Connection, corpus: Corpus, asked: Asked) -> Found:
    """Those that fit, a page of them; what is asked for are parameters, never text in the SQL."""
    scores, given = _select_scores(corpus, asked.column)
    conditions, wanted = _conditions(asked)
    order = f"score {'desc' if asked.descending else 'asc'} nulls last, " if asked.column else ""
    body = (
        'from (select document_id, source, "group", use, state, rule, value, cause, weight, '
        "characters from read_parquet(?, union_by_name = true)) as decided "
        f"left join ({scores}) as scored using (document_id) where {conditions}"
    )
    values = [corpus.decided(asked.recipe), *given, *wanted]
    (counted,) = fetch_rows(connection, f"select count(*) as documents {body}", *values)
    rows = fetch_rows(
        connection,
        f"select decided.*, score {body} order by {order}document_id, use "
        f"limit {PAGE} offset {(asked.page - 1) * PAGE}",
        *values,
    )
    return Found(counted["documents"], add_texts(connection, corpus, rows))


def find_samples(connection: Connection, corpus: Corpus, recipe: str) -> list[Row]:
    """The first few documents of every source and rule, kept ones included."""
    rows = fetch_rows(
        connection,
        'select document_id, source, "group", use, state, rule, value, cause, weight, characters, '
        "null as score from read_parquet(?, union_by_name = true) "
        "qualify row_number() over (partition by source, state, rule order by document_id) <= ? "
        "order by rule is null, rule, source, document_id",
        corpus.decided(recipe),
        EACH,
    )
    return add_texts(connection, corpus, rows)


def count_states(connection: Connection, corpus: Corpus, recipe: str) -> dict[str, dict[str, int]]:
    """Source → `kept` or rule → documents."""
    found: dict[str, dict[str, int]] = {one.partition or "": {} for one in corpus.raw}
    for row in fetch_rows(
        connection,
        f"select source, coalesce(rule, '{KEPT}') as became, count(*) as documents "
        "from read_parquet(?, union_by_name = true) group by all order by all",
        corpus.decided(recipe),
    ):
        found[row["source"]][row["became"]] = row["documents"]
    return found


def add_texts(connection: Connection, corpus: Corpus, rows: list[Row]) -> list[Row]:
    """The rows with where each was read, how its text begins, and how it was `written`, or None."""
    ids = [row["document_id"] for row in rows]
    written = find_written(connection, corpus.raw, ids)
    texts = {
        row["document_id"]: row
        for row in fetch_rows(
            connection,
            f"select document_id, path, line, left(text, {EXCERPT}) as excerpt "
            f"from read_parquet(?) where {IS_LISTED}",
            shard_paths(corpus.raw, file_names.RAW_DOCUMENTS),
            ids,
        )
    }
    return [
        {**row, **texts[row["document_id"]], "written": written.get(row["document_id"])}
        for row in rows
    ]


def add_scores(
    connection: Connection, corpus: Corpus, rows: list[Row], columns: Sequence[str]
) -> list[Row]:
    """The rows with `scores`: of each of these `scorer.column` what was found."""
    ids = [row["document_id"] for row in rows]
    found: dict[str, dict[str, float]] = {one: {} for one in ids}
    for name in columns:
        scores, values = _select_scores(corpus, name)
        query = f"select document_id, score from ({scores}) where {IS_LISTED}"
        for row in fetch_rows(connection, query, *values, ids):
            found[row["document_id"]][name] = row["score"]
    return [{**row, "scores": found[row["document_id"]]} for row in rows]


def _select_scores(corpus: Corpus, column: str | None) -> tuple[str, list[object]]:
    parts = [select_scores(one, column) for _, one in holders(corpus, column)] if column else []
    if not parts:
        return "select null::varchar as document_id, null::double as score limit 0", []
    return " union all ".join(sql for sql, _ in parts), [one for _, own in parts for one in own]


def _conditions(asked: Asked) -> tuple[str, list[object]]:
    """Names are ours, values parameters."""
    parts, values = ["true"], list[object]()
    for name, value in asked.filters.items():
        parts.append(f'"{name}" = ?')
        values.append(value)
    for sign, bound in ((">", asked.above), ("<", asked.below)):
        if bound is not None:
            parts.append(f"score {sign} ?")
            values.append(bound)
    return " and ".join(parts), values
