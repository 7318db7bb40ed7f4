"""The ledgers of a dossier, row by row, in an order that depends on their content alone."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any

import duckdb

from alignment_dagster import chain
from alignment_dagster.audit.open_report import OpenedReport
from alignment_dagster.audit.written_rows import is_written
from alignment_dagster.lineage import file_names
from alignment_dagster.lineage.lake import Artifact
from alignment_dagster.release.dossier.ancestor_uses import select_uses

BATCH = 10_000
Row = dict[str, Any]

CONSUMPTION = """
select artifact, stage, step, sequences, documents, tokens, chain
from consumption order by artifact, stage, step
"""
ITEMS = """
select artifact, recipe, seed, stage, suite, item_id, scenario_id, topic, format, option_order,
    system_prompt, target, log_probabilities, tokens, choice, hit
from items
order by artifact, stage, suite, item_id, format, option_order, system_prompt
"""
LOSSES = """
select artifact, recipe, seed, stage, source, document_id, nll, tokens, bytes
from losses order by artifact, stage, source, document_id
"""
ATTACK_ITEMS = """
select artifact, recipe, seed, stage, suite, item_id, scenario_id, topic, attack, hit, scorer,
    score, log_probabilities, tokens, queries
from attack_items order by artifact, stage, suite, item_id, attack
"""
QUESTIONS = """
select suite, item_id, scenario_id, topic, question, ask, options, target, path, line
from questions order by suite, item_id
"""
WRITTEN = "select * from written order by artifact, document_id"
PROMPTS = """
select artifact, source, prompt, form, template, template_version, system,
    case when list_contains(?, artifact) then null else text end as text
from prompts order by artifact, prompt
"""
PLAIN = {
    "consumption": CONSUMPTION,
    "items": ITEMS,
    "losses": LOSSES,
    "attack_items": ATTACK_ITEMS,
}
"""Ledger → the query that gives its rows as they are."""

_PLACES = """
select document_id, min(source) as source, min(path) as path, min(line) as line
from texts group by document_id order by document_id
"""
_SEEN = """
select document_id, artifact, stage, count(*) as times
from (select unnest(documents) as document_id, artifact, stage from consumption)
group by all order by document_id, artifact, stage
"""
_METRICS = """
select recipe, seed, stage, suite, system_prompt, metric, value, n, seeds
from read_parquet(?) order by all nulls first
"""
_TEXTS = """
select document_id, min(text) as text, min(payload) as payload
from texts where not list_contains(?, source) group by document_id order by document_id
"""


def rows_of(ledgers: duckdb.DuckDBPyConnection, sql: str, *values: Any) -> Iterator[Row]:
    """The rows of a query, a batch at a time; several queries may be read side by side."""
    found = ledgers.cursor().execute(sql, list(values))
    names = [column[0] for column in found.description or ()]
    while batch := found.fetchmany(BATCH):
        for row in batch:
            yield dict(zip(names, row, strict=True))


def documents(ledgers: duckdb.DuckDBPyConnection, ancestors: Sequence[Artifact]) -> Iterator[Row]:
    """Every document of the raw corpora by id, with what each recipe did with it.

    `recipes` has an entry for each recipe (and mix, should there be several); `seen` says how often
    each step of post-training and tampering read the document. Pretraining reads every copy once.
    """
    entries = _by_document(rows_of(ledgers, select_uses(ancestors)))
    seen = _by_document(rows_of(ledgers, _SEEN))
    use, read = next(entries, None), next(seen, None)
    for row in rows_of(ledgers, _PLACES):
        row["recipes"], row["seen"] = [], {}
        if use and use[0] == row["document_id"]:
            row["recipes"], use = use[1], next(entries, None)
        if read and read[0] == row["document_id"]:
            for one in read[1]:
                row["seen"].setdefault(one["artifact"], {})[one["stage"]] = one["times"]
            read = next(seen, None)
        yield row


def _by_document(rows: Iterator[Row]) -> Iterator[tuple[str, list[Row]]]:
    for document, group in groupby(rows, itemgetter("document_id")):
        yield (
            document,
            [
                {name: value for name, value in row.items() if name != "document_id"}
                for row in group
            ],
        )


def metrics(ledgers: duckdb.DuckDBPyConnection, opened: OpenedReport) -> Iterator[Row]:
    """The numbers as the warehouse computed them, in SQL, from the same answers."""
    mart = next(one for one in opened.archive.parents(opened.report) if one.asset == chain.METRICS)
    return rows_of(ledgers, _METRICS, str(mart.path / file_names.METRICS))


def texts(ledgers: duckdb.DuckDBPyConnection, redacted: Sequence[str]) -> Iterator[Row]:
    """Text and payload of every document by id, but those of the redacted sources."""
    return rows_of(ledgers, _TEXTS, list(redacted))


def prompts(
    ledgers: duckdb.DuckDBPyConnection,
    ancestors: Sequence[Artifact],
    texts: bool,
    redacted: Sequence[str],
) -> Iterator[Row]:
    """What written documents were written from; without its text where it holds a document's.

    Args:
        ancestors: of the report.
        texts: whether documents' texts are put in.
        redacted: the sources of which none is.
    """
    quoting = [
        one.label
        for one in ancestors
        if is_written(one)
        for rewrites in [one.provenance.declared["reader"]["rewrites"]]
        if rewrites is not None and (not texts or rewrites in redacted)
    ]
    return rows_of(ledgers, PROMPTS, quoting)
