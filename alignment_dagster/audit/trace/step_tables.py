"""The steps from hits to the number, as a sentence, tables and JSON."""

from dataclasses import asdict
from typing import Any

from alignment_dagster.audit.answer import Table
from alignment_dagster.audit.trace.arithmetic import Arithmetic, Part, SeedStep, UnitStep
from alignment_dagster.audit.trace.phrases import ID, pluralize
from alignment_dagster.evaluation.options import TIE_RULE

SHOWN = 8
"""Lines of a long table before it is opened."""
LN2 = "0.693147"
MOST_GROUPS = 6
"""Of scenarios that were asked equally often; with more their means are summed one by one."""


def write_rule(steps: Arithmetic, unit: str) -> str:
    """How the steps go, in one sentence; for rates also why hits over answers are another number.

    Args:
        unit: `scenario`, or what else the number counts.
    """
    if steps.is_loss:
        return (
            f"Bits per byte of a seed: its nats / ({LN2} * bytes), {LN2} being ln 2; the number is "
            "the mean over seeds."
        )
    hits, asked = steps.whole
    plain = hits / asked
    inside = (
        "over its items (in the worst case an item counts that any attack broke)"
        if steps.is_attack
        else "over the answers of each format, then over formats"
    )
    rule = f"The number is a mean of means: within a {unit} {inside}; then over {unit}s, then seeds"
    if steps.ties:
        rule += f". {pluralize(steps.ties, 'tie')}: {TIE_RULE}"
    if f"{plain:.4f}" == f"{steps.value:.4f}":
        return f"{rule}."
    return f"{rule}. (All {_count(hits)} hits / {asked:,} answers would be {plain:.4f}.)"


def step_tables(steps: Arithmetic, unit: str) -> list[Table]:
    """Each seed's steps and their mean, then all single units, of which a terminal shows a few."""
    return [_seed_table(steps, unit), _unit_table(steps, unit)]


def steps_as_json(steps: Arithmetic) -> dict[str, Any]:
    """All steps, uncut."""
    names = ("nats", "bytes") if steps.is_loss else ("hits", "answers")
    ends = ("nats", "bytes") if steps.is_loss else ("sum", "count")

    def named(parts: Any) -> dict[str, Any]:
        return {form: dict(zip(names, part, strict=True)) for form, part in parts.items()}

    return {
        "forms": list(steps.forms),
        "units": [{**asdict(one), "parts": named(one.parts)} for one in steps.units],
        "seeds": [
            {
                **asdict(one),
                "groups": [{**asdict(own), "parts": named(own.parts)} for own in one.groups],
                "whole": dict(zip(ends, one.whole, strict=True)),
            }
            for one in steps.seeds
        ],
        "ties": steps.ties,
        "value": steps.value if steps.seeds else None,
    }


def _seed_table(steps: Arithmetic, unit: str) -> Table:
    if steps.is_loss:
        columns = ["seed", "documents", "nats", "bytes", "bits per byte"]
        rows = [_loss_row(one) for one in steps.seeds]
        caption = f"The steps to the number: nats / ({LN2} * bytes)"
    elif steps.groups <= MOST_GROUPS:
        mean = "mean" if len(steps.forms) == 1 else "mean over formats"
        columns = ["seed", f"{unit}s", *steps.forms, mean]
        rows = [row for one in steps.seeds for row in _group_rows(one, steps.forms)]
        caption = "The steps to the number: hits / answers"
        if steps.groups > 1:
            caption += f" of {unit}s that were asked equally often, then all {unit}s of a seed"
    else:
        columns = ["seed", f"{unit}s", f"sum of their means / {unit}s"]
        rows = [
            [str(one.seed), f"{one.units:,}", f"{one.whole[0]:.6f} / {one.units} = {one.value:.6f}"]
            for one in steps.seeds
        ]
        caption = f"The steps to the number: each {unit}'s mean stands in the next table"
    empty = [""] * (len(columns) - 2)
    count = f"mean of {pluralize(len(steps.seeds), 'seed')}"
    return Table(caption, columns, [*rows, [count, *empty, f"{steps.value:.6f}"]])


def _group_rows(one: SeedStep, forms: tuple[str, ...]) -> list[list[str]]:
    """Those asked equally often, a line each; then the seed's own mean where there are several."""
    rows = [
        [
            str(one.seed),
            f"{group.units:,}",
            *(_share(group.parts[form]) if form in group.parts else "" for form in forms),
            f"{group.value:.6f}",
        ]
        for group in one.groups
    ]
    if len(rows) > 1:
        summed = " + ".join(f"{group.units} * {group.value:.6f}" for group in one.groups)
        empty = [""] * len(forms)
        mean = f"({summed}) / {one.units} = {one.value:.6f}"
        rows.append([str(one.seed), f"{one.units:,}", *empty, mean])
    return rows


def _unit_table(steps: Arithmetic, unit: str) -> Table:
    caption = f"{unit.capitalize()} by {unit}: hits / answers of each format, and their mean"
    columns = ["seed", unit, *steps.forms, "mean"]
    rows = [_unit_row(one, steps.forms) for one in steps.units]
    if steps.is_loss:
        caption, columns = "Document by document", ["seed", unit, "nats", "bytes"]
        rows = [
            [str(one.seed), one.unit[:ID], f"{one.value:.6f}", f"{size:,}"]
            for one in steps.units
            for _, size in one.parts.values()
        ]
    return Table(caption, columns, rows, shown=SHOWN)


def _unit_row(one: UnitStep, forms: tuple[str, ...]) -> list[str]:
    parts = (one.parts.get(form) for form in forms)
    shown = ("" if part is None else f"{_count(part[0])} / {part[1]:,}" for part in parts)
    return [str(one.seed), one.unit[:ID], *shown, f"{one.value:.6f}"]


def _loss_row(one: SeedStep) -> list[str]:
    nats, size = one.whole
    return [str(one.seed), f"{one.units:,}", f"{nats:.6f}", f"{size:,}", f"{one.value:.6f}"]


def _share(part: Part) -> str:
    hits, asked = part
    return f"{_count(hits)} / {asked:,} = {hits / asked:.6f}"


def _count(hits: float) -> str:
    return f"{hits:,.10g}"
