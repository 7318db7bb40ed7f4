"""The documents of a study: what was kept and what each rule dropped, to be looked at."""

from collections.abc import Mapping

from alignment_dagster.audit.answer import Answer, Link, Table
from alignment_dagster.audit.corpus.current import Corpus, open_corpus
from alignment_dagster.audit.corpus.sample import (
    KEPT,
    PAGE,
    Asked,
    Found,
    add_scores,
    find_documents,
    find_samples,
)
from alignment_dagster.audit.corpus.threshold_answer import measure_compared
from alignment_dagster.audit.pages.answer_page import Form, render
from alignment_dagster.audit.pages.artifact_page import trail
from alignment_dagster.audit.pages.corpus_filters import (
    ABOVE,
    BELOW,
    COLUMN,
    HIGHEST,
    LOWEST,
    ORDER,
    RECIPE,
    read_asked,
)
from alignment_dagster.audit.pages.corpus_filters import PAGE as TURN
from alignment_dagster.audit.pages.corpus_overview import (
    account_table,
    count_corpus,
    find_gaps,
    threshold_pictures,
)
from alignment_dagster.audit.trace.parquet import Connection, Row, connect_memory
from alignment_dagster.foundation.errors import AlignmentError
from alignment_dagster.foundation.page_links import audit_corpus, audit_document
from alignment_dagster.foundation.visible_text import cut
from alignment_dagster.lineage.archive import Archive

ID, LONGEST = 12, 240
"""Characters of an id and of a text that are shown."""
MOST_SCORES = 6


def corpus_page(archive: Archive, given: Mapping[str, str]) -> str:
    """Counts by source and rule, then documents: those asked for, or a few of every kind.

    Args:
        archive: the study's past.
        given: what the address asks for, as `corpus_filters` reads it.

    Raises:
        AlignmentError: if something is asked for that there is not, or nothing is decided yet.
    """
    corpus = open_corpus(archive)
    asked = read_asked(corpus, given)
    narrowed = bool(asked.filters or asked.column or TURN in given)
    with connect_memory() as connection:
        account = count_corpus(connection, corpus, asked.recipe)
        if narrowed:
            found = find_documents(connection, corpus, asked)
        else:
            rows = find_samples(connection, corpus, asked.recipe)
            found = Found(len(rows), rows)
        documents = _documents(connection, corpus, asked, given, found.rows)
    pages = max(1, -(-found.documents // PAGE))
    if narrowed and asked.page > pages:
        raise AlignmentError(f"page {asked.page:,}: there are {pages:,}")
    overview = account_table(corpus, account)
    pictures = [] if narrowed else threshold_pictures(measure_compared(corpus))
    turns = (
        _turns(archive, given, asked.page, pages)
        if narrowed
        else [(audit_corpus(archive.study, {RECIPE: asked.recipe, TURN: "1"}), "all documents")]
    )
    answer = Answer(
        f"Documents of {archive.study}, as {asked.recipe} decides",
        [_describe(asked, found, pages) if narrowed else "A few of every source and rule:"
         " choose a count, a score, or a document."],
        [documents, overview] if narrowed else [overview, documents],
        {},
        warnings=find_gaps(account),
    )  # fmt: skip
    return render(
        answer,
        trail=trail(archive),
        doors=[*turns, *_doors(archive, corpus, asked)],
        above=pictures,
        form=_form(corpus, asked, given),
    )


def _documents(
    connection: Connection, corpus: Corpus, asked: Asked, given: Mapping[str, str],
    rows: list[Row],
) -> Table:  # fmt: skip
    """A line for each; the scores that rules look at can be sorted by."""
    study = corpus.archive.study
    compared = [one for one in corpus.compared if one in corpus.numbers and one != asked.column]
    shown = compared[:MOST_SCORES]
    scored = add_scores(connection, corpus, rows, shown)
    any_written = any(row["written"] for row in rows)
    lines = [
        (
            Link(row["document_id"][:ID], audit_document(study, row["document_id"])),
            row["source"],
            KEPT if row["state"] == KEPT else f"{row['rule']}",
            *([row["score"]] if asked.column else []),
            *(row["scores"].get(one) for one in shown),
            row["characters"],
            *([_describe_writing(row["written"])] if any_written else []),
            cut(" ".join(row["excerpt"].split()), LONGEST),
        )
        for row in scored
    ]
    own = [_sorted_by(study, given, asked, asked.column)] if asked.column else []
    others = [_sorted_by(study, given, asked, one) for one in shown]
    columns: list[str | Link]
    how = ["written"] if any_written else []
    columns = ["document", "source", "became", *own, *others, "characters", *how, "text"]
    return Table("Documents", columns, lines, stacked=True)


def _describe_writing(written: Row | None) -> str | None:
    """Form and scenario, and how the prompt begins; the document's own page has all of it."""
    if written is None:
        return None
    about = (written[name] for name in ("form", "scenario", "domain"))
    prompt = " ".join((written["text"] or "").split())
    return cut(f"{', '.join(filter(None, about))}: {prompt}", LONGEST)


def _sorted_by(study: str, given: Mapping[str, str], asked: Asked, column: str) -> Link:
    """A column's name: it sorts by the column, and turns the order round where it does already."""
    turned = asked.column == column and asked.descending
    others = {name: value for name, value in given.items() if name not in (COLUMN, ORDER, TURN)}
    if asked.column != column:
        others = {name: value for name, value in others.items() if name not in (ABOVE, BELOW)}
    order = LOWEST if turned else HIGHEST
    mark = "" if asked.column != column else " ↓" if asked.descending else " ↑"
    return Link(f"{column}{mark}", audit_corpus(study, {**others, COLUMN: column, ORDER: order}))


def _describe(asked: Asked, found: Found, pages: int) -> str:
    parts = [f"{name} {value}" for name, value in asked.filters.items()]
    for word, bound in ((ABOVE, asked.above), (BELOW, asked.below)):
        parts += [f"{asked.column} {word} {bound:g}"] if bound is not None else []
    chosen = ", ".join(parts) or "all"
    return f"{chosen}: {found.documents:,} documents. Page {asked.page:,} of {pages:,}."


def _turns(
    archive: Archive, given: Mapping[str, str], page: int, pages: int
) -> list[tuple[str, str]]:
    turns = [(page - 1, "page before"), (page + 1, "next page"), (pages, "last page")]
    others = {name: value for name, value in given.items() if name != TURN}
    return [
        (audit_corpus(archive.study, {**others, TURN: str(at)}), said)
        for at, said in turns
        if 0 < at <= pages and at != page
    ]


def _doors(archive: Archive, corpus: Corpus, asked: Asked) -> list[tuple[str, str]]:
    page = audit_corpus(archive.study)
    return [
        *((audit_corpus(archive.study, {RECIPE: one}), f"as {one} decides")
          for one in corpus.recipes if one != asked.recipe or asked.filters or asked.column),
        (f"{page}/quarantine", "quarantine"),
        (f"{page}/thresholds", "thresholds"),
    ]  # fmt: skip


def _form(corpus: Corpus, asked: Asked, given: Mapping[str, str]) -> Form:
    choices = {
        "source": list(corpus.groups),
        "state": [KEPT, "dropped"],
        COLUMN: corpus.numbers,
        ORDER: [HIGHEST, LOWEST],
    }
    kept = {name: value for name, value in asked.filters.items() if name not in choices}
    return Form({RECIPE: asked.recipe, **kept}, choices, (ABOVE, BELOW), given)
