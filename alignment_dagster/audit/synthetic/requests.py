"""`alignment synthetic requests` and `answers`: what is to be asked, what it may cost, batches."""

from collections.abc import Sequence
from pathlib import Path

from alignment_dagster.audit.answer import Answer, Cell, Table
from alignment_dagster.foundation.declaration_mistakes import suggest_name
from alignment_dagster.foundation.errors import DeclarationError
from alignment_dagster.foundation.home import Home
from alignment_dagster.language_models.answer_store import AnswerStore
from alignment_dagster.language_models.batch_files import read_batch, write_batch
from alignment_dagster.language_models.cost import Cost
from alignment_dagster.study import Source, Study
from alignment_dagster.study.synthesis import OpenAICompatible, SyntheticReader
from alignment_dagster.synthesis.outstanding import (
    Outstanding,
    find_outstanding,
    written_by_models,
)
from alignment_dagster.synthesis.rows import make_plan

COLUMNS = (
    "source",
    "generator",
    "model",
    "documents",
    "answered",
    "to ask",
    "tokens spent",
    "tokens more, at most",
    "money spent",
    "money more, at most",
    "budget",
)


def describe_requests(study: Study, home: Home) -> Answer:
    """Each source that a model writes: what is answered, what is missing, and what that may cost.

    Raises:
        AlignmentError: if what a source starts from cannot be read.
    """
    with AnswerStore(home.answers) as store:
        found = [find_outstanding(study, one, store) for one in written_by_models(study)]
    if not found:
        said = f"Study {study.name} has no source that a language model writes."
        return Answer(f"Requests of {study.name}", [said], [], {"study": study.name, "sources": []})
    said = (
        "A token is a byte of a prompt at least, so that prompts cost a fraction of what stands "
        "here; an attempt that fails may be charged besides."
    )
    rows = [_row(one) for one in found]
    data = [dict(zip(COLUMNS, row, strict=True)) for row in rows]
    table = Table("", COLUMNS, rows, stacked=True)
    return Answer(
        f"Requests of {study.name}", [said], [table], {"study": study.name, "sources": data}
    )


def write_requests(study: Study, home: Home, name: str, folder: Path) -> Answer:
    """Write what a source still has to ask as files for a vendor's batch interface.

    Raises:
        AlignmentError: if it is no such source, or the folder holds something.
    """
    source, generator = _source(study, name)
    with AnswerStore(home.answers) as store:
        plan = make_plan(study, source, store)
        found = write_batch(plan.requests(), name, generator, store, folder)
    left_out = f"; {found.left_out:,} are left out ({found.reason})" if found.left_out else ""
    files = [str(path) for path in found.files]
    lines = [
        f"{found.requests:,} requests in {len(files)} file(s){left_out}",
        *files,
        f"When the results are there: alignment synthetic answers {study.name} {name} FILE",
    ]
    data = {"requests": found.requests, "left_out": found.left_out, "files": files}
    return Answer(f"Requests of {name}", lines, [], data)


def read_answers(study: Study, home: Home, name: str, path: Path) -> Answer:
    """Take in a file of results of a vendor's batch interface.

    Raises:
        AlignmentError: names file and line of what is no result of this source; nothing is taken
            in then.
    """
    source, generator = _source(study, name)
    with AnswerStore(home.answers) as store:
        plan = make_plan(study, source, store)
        found = read_batch(path, plan.requests(), name, generator, store)
    counts = (found.answers, found.known, len(found.reasons))
    lines = ["{:,} answers, {:,} known before, {:,} requests without one".format(*counts)]
    rows: list[Sequence[Cell]] = [[reason, count] for reason, count in found.counts.most_common()]
    tables = [Table("Requests without an answer", ("reason", "requests"), rows)] if rows else []
    data = {"answers": found.answers, "known": found.known, "reasons": dict(found.reasons)}
    return Answer(f"Answers for {name}", lines, tables, data)


def _source(study: Study, name: str) -> tuple[Source, OpenAICompatible]:
    known = {one.name: one for one in written_by_models(study)}
    if name not in known:
        raise DeclarationError(
            f"study {study.name}: no language model writes a source {name!r}"
            f"{suggest_name(name, known)}"
        )
    reader = known[name].reader
    assert isinstance(reader, SyntheticReader)
    if not isinstance(reader.generator, OpenAICompatible):
        raise DeclarationError(f"source {name!r}: a checkpoint on this machine takes no batches")
    return known[name], reader.generator


def _row(one: Outstanding) -> list[Cell]:
    generator = one.reader.generator
    model = getattr(generator, "model", None) or getattr(generator, "path", None)
    budget = getattr(generator, "budget", None)
    limits = [
        None if budget is None or budget.tokens is None else f"{budget.tokens:,} tokens",
        None if budget is None or budget.money is None else f"{budget.money:,} {one.most.currency}",
    ]
    return [
        one.source.name,
        generator.kind,
        model or getattr(generator, "hub", None),
        one.wanted,
        one.answered,
        one.wanted - one.answered,
        one.spent.tokens,
        one.most.tokens,
        _money(one.spent),
        _money(one.most),
        ", ".join(filter(None, limits)),
    ]


def _money(cost: Cost) -> str | None:
    return f"{cost.money:,.4f} {cost.currency}" if cost.currency else None
