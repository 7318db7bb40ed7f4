"""`alignment corpus thresholds`: what each bound of a score would drop, as tables and JSON."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from alignment_dagster.audit.answer import Answer, Table
from alignment_dagster.audit.corpus.current import Corpus, open_corpus
from alignment_dagster.audit.corpus.thresholds import (
    SHARES,
    Curve,
    curve_as_json,
    measure_curves,
    require_column,
    share,
)
from alignment_dagster.audit.trace.parquet import connect_memory
from alignment_dagster.foundation.errors import ArtifactError
from alignment_dagster.lineage.archive import Archive

SHOWN_BOUNDS = 25


@dataclass(frozen=True)
class Measured:
    """A column with its curves, and the rules that bound it."""

    column: str
    curves: list[Curve]
    """The first is over all sources."""
    declared: Mapping[float, tuple[str, ...]]


def measure_column(corpus: Corpus, column: str) -> Measured:
    """A column's curves.

    Raises:
        ArtifactError: if no number is called so; names near ones.
    """
    declared = corpus.compared.get(require_column(corpus, column), {})
    with connect_memory() as connection:
        curves = measure_curves(connection, corpus, column, sorted(declared))
    return Measured(column, curves, declared)


def measure_compared(corpus: Corpus) -> list[Measured]:
    """The curves of every column that rules bound."""
    return [measure_column(corpus, one) for one in corpus.compared if one in corpus.numbers]


def measure_thresholds(archive: Archive, column: str | None = None) -> list[Measured]:
    """The curves of a number, or of every one that rules bound.

    Args:
        archive: the study's past.
        column: `scorer.column`, or `metadata.column`; every one that rules bound without.

    Raises:
        ArtifactError: if no number is called so, or nothing was scored yet.
    """
    corpus = open_corpus(archive)
    if not corpus.scored:
        raise ArtifactError(f"study {archive.study!r}: nothing was scored yet")
    return [measure_column(corpus, column)] if column else measure_compared(corpus)


def thresholds_as_answer(study: str, found: Sequence[Measured]) -> Answer:
    """What each bound would drop, of all documents and by source."""
    rules = "" if found else " No rule bounds a number: name a column, as text_stats.words."
    return Answer(
        f"Thresholds of {study}",
        (
            "What a rule with this bound alone would drop: `above` drops what is strictly above, "
            f"`below` what is strictly below.{rules}",
        ),
        [block for one in found for block in _tables(one)],
        {
            "study": study,
            "columns": [
                {
                    "column": one.column,
                    "declared": [
                        {"bound": bound, "rules": names} for bound, names in one.declared.items()
                    ],
                    "curves": [curve_as_json(curve) for curve in one.curves],
                }
                for one in found
            ],
        },
    )


def _tables(found: Measured) -> Iterator[Table]:
    every, *by_source = found.curves
    yield Table(
        f"{found.column}: {every.documents:,} documents, {every.characters:,} characters",
        ("bound", "rules", "above: documents", "below: documents", "above: chars", "below: chars"),
        [
            (
                f"{one.bound:.6g}",
                ", ".join(found.declared.get(one.bound, ())) or "-",
                *(f"{share(every, one, name):.1%}" for name in SHARES),
            )
            for one in every.points
        ],
        shown=SHOWN_BOUNDS,
    )
    # by source at what is declared, else at every fifth bound: the JSON has all
    chosen = list(found.declared) or [one.bound for one in every.points[::5]]
    yield Table(
        f"{found.column}, by source",
        ("source", "group", "bound", "documents", "above", "above: share", "below: share"),
        [
            (
                *(curve.source, curve.group, f"{one.bound:.6g}", curve.documents),
                one.documents_above,
                *(f"{share(curve, one, name):.1%}" for name in SHARES[:2]),
            )
            for curve in by_source
            for one in curve.points
            if one.bound in chosen
        ],
        shown=SHOWN_BOUNDS,
    )
