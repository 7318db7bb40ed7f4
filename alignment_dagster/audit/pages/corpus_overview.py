"""What stands first on the page of documents: an account of all rows, and the thresholds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from alignment_dagster.audit.answer import Cell, Link, Table
from alignment_dagster.audit.corpus.current import Corpus
from alignment_dagster.audit.corpus.quarantine import ReadRows, count_rows
from alignment_dagster.audit.corpus.sample import KEPT, count_states
from alignment_dagster.audit.corpus.threshold_answer import Measured
from alignment_dagster.audit.corpus.threshold_picture import draw_threshold
from alignment_dagster.audit.corpus.thresholds import share
from alignment_dagster.audit.pages.answer_page import Picture
from alignment_dagster.audit.pages.corpus_filters import RECIPE
from alignment_dagster.audit.trace.parquet import Connection
from alignment_dagster.foundation.page_links import audit_corpus

MOST_PICTURES = 6


@dataclass(frozen=True)
class Account:
    """Where every row of a corpus ended under a recipe."""

    recipe: str
    read: list[ReadRows]
    """One a source."""
    states: Mapping[str, Mapping[str, int]]
    """Source → `kept` or the rule that dropped → documents."""


def count_corpus(connection: Connection, corpus: Corpus, recipe: str) -> Account:
    """Count the rows that were read, and what was decided of their documents."""
    read = [count_rows(connection, one) for one in corpus.raw]
    return Account(recipe, read, count_states(connection, corpus, recipe))


def find_gaps(account: Account) -> list[str]:
    """Of which sources not every document has its one state."""
    decided = {source: sum(counts.values()) for source, counts in account.states.items()}
    return [
        f"{one.source}: {one.documents:,} documents were read, and {decided[one.source]:,} decided"
        for one in account.read
        if one.documents != decided[one.source]
    ]


def account_table(corpus: Corpus, account: Account) -> Table:
    """Every row that was read, in the one place where it ended."""
    study, states = corpus.archive.study, account.states
    rules = sorted({name for counts in states.values() for name in counts} - {KEPT})
    rows = [_row(study, one, account.recipe, states, rules) for one in account.read]
    columns = ("source", "group", "rows", "repeated", "quarantined", KEPT, *rules)
    return Table(
        "Rows = kept + dropped by a rule + repeated + quarantined",
        columns,
        [(row[0], corpus.groups[str(row[0])], *row[1:]) for row in rows],
    )


def _row(
    study: str, read: ReadRows, recipe: str, states: Mapping[str, Mapping[str, int]],
    rules: Sequence[str],
) -> list[Cell]:  # fmt: skip
    counts = states[read.source]
    asked = {RECIPE: recipe, "source": read.source}
    cells: list[Cell] = [
        read.source, read.documents + read.repeated + read.quarantined, read.repeated,
        Link(f"{read.quarantined:,}", f"{audit_corpus(study)}/quarantine")
        if read.quarantined else 0,
    ]  # fmt: skip
    for name in (KEPT, *rules):
        of = {"state": KEPT} if name == KEPT else {"rule": name}
        found = counts.get(name, 0)
        cells.append(Link(f"{found:,}", audit_corpus(study, {**asked, **of})) if found else 0)
    return cells


def threshold_pictures(found: Sequence[Measured]) -> list[Picture]:
    """The curves of the first few."""
    return [_draw(one) for one in found[:MOST_PICTURES]]


def _draw(found: Measured) -> Picture:
    """The share of all documents above each bound, with the declared ones."""
    every = found.curves[0]
    points = [(one.bound, share(every, one, "documents_above")) for one in every.points]
    rules = "; ".join(f"{', '.join(names)} at {bound:g}" for bound, names in found.declared.items())
    caption = f"{found.column}: share of the documents above each bound. Dashed: {rules or 'none'}."
    return Picture(draw_threshold(found.column, points, found.declared), caption)
