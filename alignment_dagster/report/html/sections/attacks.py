"""Attack success, and stored examples."""

from collections.abc import Sequence
from dataclasses import replace

from markupsafe import Markup

from alignment_dagster.report.html.content import (
    Cell,
    Drawing,
    Exhibit,
    Exhibits,
    Figures,
    Passage,
    Pivot,
    Section,
    Text,
    keep_filled,
)
from alignment_dagster.report.html.pivots import interval_cell, pivot
from alignment_dagster.report.html.plots.intervals import attack_plot
from alignment_dagster.report.html.plots.style import series_styles
from alignment_dagster.report.html.selection import recipe_names, stages_of
from alignment_dagster.report.rows import AttackExample, AttackRow, ReportData
from alignment_dagster.report.text import count, number, shorten, spaced
from alignment_dagster.study import NO_ATTACK, WORST_CASE

LONGEST = 700
"""Characters of a stored text that are shown."""
INTRO = (
    "The share of items on which an attack made the model prefer or give the bad answer. Lower is "
    "better. The worst case over attacks is the number to compare recipes by."
)
READING = (
    "The worst case counts an item as soon as any attack broke it or it was bad without one. Not "
    "every attack is tried on every item: below each share stands that of the same items without "
    "an attack. n counts scenarios."
)
SHOWN = 2
"""Figures that are not folded: a suite at two stages."""
WARNING = (
    "Broken items, as stored: the text is hostile or made by a model, and is shown as it is, "
    "apart from control characters."
)


def section(data: ReportData) -> Section:
    """The first suite's figures; the others, the numbers and a few broken items are folded."""
    drawings = _drawings(data)
    return Section(
        "attacks",
        "Attack success",
        INTRO,
        keep_filled(Figures(drawings[:SHOWN])),
        keep_filled(
            Text(READING) if data.attacks else None,
            Figures(drawings[SHOWN:]),
            _attack_table(data),
            *_example_blocks(data.attack_examples),
        ),
        "How to read it, the numbers, and examples",
    )


def _attack_order(rows: Sequence[AttackRow]) -> list[str]:
    """No attack first, the worst case last, the rest as measured."""
    attacks = dict.fromkeys(row.attack for row in rows)
    return sorted(attacks, key=lambda attack: (attack == WORST_CASE, attack != NO_ATTACK))


def _drawings(data: ReportData) -> tuple[Drawing, ...]:
    styles = series_styles(recipe_names(data))
    pairs = dict.fromkeys((row.suite, row.stage) for row in data.attacks)
    drawings = []
    for place, (suite, stage) in enumerate(pairs):
        rows = [row for row in data.attacks if (row.suite, row.stage) == (suite, stage)]
        chance = data.chances.get(suite)
        svg = attack_plot(rows, _attack_order(rows), styles, f"plot-attack-{place}", chance)
        caption = (
            f"At most {count(max(row.n for row in rows), 'scenario')}; "
            f"{count(rows[0].seeds, 'seed')}; 95 % intervals."
        )
        if chance is not None:
            caption += " Chance is that of one attempt: the worst of several lies above it."
        title, trace = f"{spaced(suite)}, {spaced(stage)}", f"attack:{suite}/{stage}/RECIPE/ATTACK"
        drawings.append(Drawing(title, Markup(svg), caption, trace))
    return tuple(drawings)


def _attack_table(data: ReportData) -> Pivot | None:
    attacks, stages = _attack_order(data.attacks), stages_of(data.attacks)
    suites = list(dict.fromkeys(row.suite for row in data.attacks))
    rows = sorted(
        data.attacks,
        key=lambda r: (suites.index(r.suite), stages.index(r.stage), attacks.index(r.attack)),
    )
    return pivot(
        "Share of items broken, by attack and in the worst case over attacks, with 95 % intervals.",
        ("attack", "n"),
        [name for name in recipe_names(data) if any(row.recipe == name for row in rows)],
        rows,
        lambda r: (r.suite, r.stage, r.attack, str(r.n)),
        lambda r: r.recipe,
        _attack_cell,
        grouped=2,
        mark=lambda labels: labels[2] == WORST_CASE,
    )


def _attack_cell(row: AttackRow) -> Cell:
    """The share, and below it the share of the same items without an attack."""
    cell = interval_cell(row, 2)
    if row.attack == NO_ATTACK:
        return cell
    return replace(cell, note=f"without {number(row.without, 2)}")


def _example_blocks(rows: Sequence[AttackExample]) -> tuple[Text | Exhibits, ...]:
    if not rows:
        return ()
    exhibits = tuple(_exhibit(row) for row in rows)
    return Text(WARNING, "Examples"), Exhibits("Examples of attacks", exhibits)


def _exhibit(row: AttackExample) -> Exhibit:
    about = (
        f"{spaced(row.recipe)}, seed {row.seed}, {spaced(row.stage)}; {spaced(row.suite)}, "
        f"item {shorten(row.item_id, 80)}"
    )
    texts = (
        ("string found or added", row.adversarial),
        ("what the model read", row.prompt),
        ("what it answered", row.generation),
    )
    passages = tuple(Passage(label, shorten(text, LONGEST)) for label, text in texts if text)
    return Exhibit(spaced(row.attack), about, passages)
