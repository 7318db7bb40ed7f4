"""The headline numbers of two studies in one table, with what their declarations differ in."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from alignment_dagster.audit.answer import Answer, Table
from alignment_dagster.audit.diff import open_sides
from alignment_dagster.audit.diff.answer import difference_as_json
from alignment_dagster.audit.diff.artifact_pairs import pair_artifacts
from alignment_dagster.audit.diff.causes import find_causes
from alignment_dagster.audit.diff.declarations import format_value
from alignment_dagster.audit.diff.differences import Difference
from alignment_dagster.audit.diff.numbers import NumberChanges, PairedChange, compare_numbers
from alignment_dagster.audit.diff.side import Side
from alignment_dagster.lineage import file_names
from alignment_dagster.lineage.archive import Archive
from alignment_dagster.report.cells import BITS_PER_BYTE
from alignment_dagster.report.names import metric_name
from alignment_dagster.report.results import ResultRow, read_results
from alignment_dagster.report.terminal_table import rows_in_headlines

DECLARED = ("declaration", "data", "lexicon", "items")
"""Kinds of what a study declares; code and environment are no part of it."""
SHOWN = 20
SAME = "the same to the bit"
UNPAIRED = "no item and seed in common"


@dataclass(frozen=True)
class Pair:
    """One number of both studies; None where a study lacks it."""

    name: str
    before: ResultRow | None
    after: ResultRow | None
    change: PairedChange | None
    note: str
    """Why there is no change, where there is none."""


def show_side_by_side(a: Archive, b: Archive) -> Answer:
    """The current reports of two studies: every headline number, and what they declare otherwise.

    Raises:
        ArtifactError: if one has no report, it or an artifact behind it is not in the lake, or a
            report is not as it was signed.
    """
    before, after = open_sides(a, b)
    titles = (before.title, after.title)
    old, new = (_read_headlines(side) for side in (before, after))
    numbers = compare_numbers(before, after)
    pairs = pair_rows(old, new, numbers, titles)
    causes = find_causes(pair_artifacts(before, after), before, after)
    declared = [one for one in causes.differences if one.kind in DECLARED]
    return Answer(
        f"{before.title} and {after.title}",
        _sentences(before, after, pairs, numbers),
        [_number_table(pairs, before, after), _difference_table(declared, before, after)],
        {
            "studies": list(titles),
            "reports": [before.report.label, after.report.label],
            "numbers": [_as_json(one) for one in pairs],
            "differences": [difference_as_json(one) for one in declared],
        },
    )


def pair_rows(
    before: Sequence[ResultRow],
    after: Sequence[ResultRow],
    numbers: NumberChanges,
    titles: tuple[str, str],
) -> list[Pair]:
    """The numbers of both in one order: those of the first study, then what only the other has."""
    old, new = ({metric_name(row): row for row in side} for side in (before, after))
    changes = {one.name: one for one in numbers.changes}
    pairs = []
    for name in dict.fromkeys([*old, *new]):
        note = ""
        if name not in new:
            note = f"only {titles[0]}"
        elif name not in old:
            note = f"only {titles[1]}"
        elif name not in changes:
            note = SAME if name in numbers.same else UNPAIRED
        pairs.append(Pair(name, old.get(name), new.get(name), changes.get(name), note))
    suites = list(dict.fromkeys(row.suite for row in (*before, *after)))
    recipes = list(dict.fromkeys(row.recipe for row in (*before, *after)))

    def place(pair: Pair) -> tuple[int, int]:
        row = old.get(pair.name) or new[pair.name]
        return suites.index(row.suite), recipes.index(row.recipe)

    return sorted(pairs, key=place)


def _sentences(
    before: Side, after: Side, pairs: Sequence[Pair], numbers: NumberChanges
) -> list[str]:
    paired = sum(one.change is not None or one.note == SAME for one in pairs)
    return [
        f"{before.report.label} of {before.title}, {after.report.label} of {after.title}.",
        f"{paired} of {len(pairs)} numbers are paired: {after.title} less {before.title}, on the "
        "items and seeds that both have; the others say why not. More: alignment audit diff "
        f"{before.title} {after.title}",
    ]


def _number_table(pairs: Sequence[Pair], before: Side, after: Side) -> Table:
    rows = [
        (
            row.suite,
            row.recipe,
            row.stage,
            _format_row(one.before),
            _format_row(one.after),
            _format_change(one),
            f"{one.change.p_holm:.3f}" if one.change else "",
        )
        for one in pairs
        if (row := one.before or one.after) is not None
    ]
    columns = ("suite", "recipe", "stage", before.title, after.title, "paired change", "p (Holm)")
    return Table("Headline numbers, 95 % intervals", columns, rows)


def _difference_table(found: Sequence[Difference], before: Side, after: Side) -> Table:
    rows = [(one.title, format_value(one.before), format_value(one.after)) for one in found]
    columns = ("what", before.title, after.title)
    caption = "What their declarations differ in" if rows else "Their declarations do not differ"
    return Table(caption, columns, rows, shown=SHOWN)


def _format_row(row: ResultRow | None) -> str:
    if row is None:
        return "-"
    digits = 3 if row.metric == BITS_PER_BYTE else 2
    return f"{row.value:.{digits}f} [{row.ci_low:.{digits}f} {row.ci_high:.{digits}f}]"


def _format_change(one: Pair) -> str:
    if one.change is None:
        return one.note
    change = one.change
    digits = 3 if change.metric == BITS_PER_BYTE else 2
    inside = f"[{change.ci_low:+.{digits}f} {change.ci_high:+.{digits}f}]"
    return f"{change.change:+.{digits}f} {inside}"


def _as_json(one: Pair) -> Mapping[str, object]:
    sides = {
        at: None if row is None else {"value": row.value, "ci_low": row.ci_low,
                                      "ci_high": row.ci_high, "n": row.n, "seeds": row.seeds}
        for at, row in (("before", one.before), ("after", one.after))
    }  # fmt: skip
    change = one.change
    paired = None if change is None else {
        "before": change.before, "after": change.after, "change": change.change,
        "ci_low": change.ci_low, "ci_high": change.ci_high, "p_holm": change.p_holm,
        "n": change.n, "seeds": change.seeds,
    }  # fmt: skip
    return {"name": one.name, **sides, "paired": paired, "note": one.note}


def _read_headlines(side: Side) -> list[ResultRow]:
    report = side.report
    verified = side.archive.lake.open(side.archive.study, report.asset, None, report.version)
    return rows_in_headlines(read_results(verified.path / file_names.RESULTS))
