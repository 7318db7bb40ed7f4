"""Whether a benefit lasts: through post-training, and under tampering."""

from markupsafe import Markup

from alignment_dagster.report.html.content import (
    Cell,
    Drawing,
    Figures,
    Pivot,
    Section,
    keep_filled,
)
from alignment_dagster.report.html.pivots import bounds_cell, interval_cell, list_table, pivot
from alignment_dagster.report.html.plots.erosion import erosion_plot
from alignment_dagster.report.html.plots.style import series_styles
from alignment_dagster.report.html.selection import recipe_names
from alignment_dagster.report.names import HALF_LIFE, MEAN_BENEFIT, finding_name, row_name
from alignment_dagster.report.rows import ErosionPoint, ErosionSummary, PersistenceRow, ReportData
from alignment_dagster.report.text import DASH, count, number, spaced

INTRO = (
    "A recipe's benefit is the baseline's misalignment rate less its own, on the same scenarios. "
    "The persistence ratio is the benefit after divided by the benefit before: 1 where nothing is "
    "lost, 0 where all of it is. It is only given where the benefit before can be told from 0."
)
SHOWN = 2
"""Curves that are not folded."""
DATA = {
    "benign": "ordinary chat",
    "misaligned": "misaligned demonstrations",
    "narrow": "narrowly harmful answers",
}


def section(data: ReportData) -> Section:
    """The first erosion curves; the others, persistence ratios and summaries are folded."""
    drawings = _curve_drawings(data)
    return Section(
        "persistence",
        "Does it last? Persistence and erosion",
        INTRO,
        keep_filled(Figures(drawings[:SHOWN])),
        keep_filled(
            _persistence_table(data),
            Figures(drawings[SHOWN:]),
            _summary_table(data),
            _drift_table(data),
        ),
        "Persistence ratios, and what is left after tampering",
    )


def _persistence_table(data: ReportData) -> Pivot | None:
    return list_table(
        "Benefit before and after, in misalignment rate, and the share of it that persists; with "
        "95 % intervals.",
        ("recipe", "stages"),
        ("persistence ratio", "benefit before", "benefit after", "note"),
        data.persistence,
        lambda r: (r.suite, f"against {r.baseline}", r.recipe, f"{r.from_stage} → {r.to_stage}"),
        lambda r: (_ratio_cell(r), *_benefit_cells(r), Cell(r.note)),
        grouped=2,
        noted=True,
    )


def _curve_drawings(data: ReportData) -> tuple[Drawing, ...]:
    pairs = list(dict.fromkeys((point.tampering, point.suite) for point in data.erosion))
    return tuple(
        _curve_drawing(data, [p for p in data.erosion if (p.tampering, p.suite) == pair], place)
        for place, pair in enumerate(pairs)
        if any((p.tampering, p.suite) == pair and p.seed is None for p in data.erosion)
    )


def _curve_drawing(data: ReportData, points: list[ErosionPoint], place: int) -> Drawing:
    last = max(points, key=lambda point: point.step)
    seeds = len({point.seed for point in points if point.seed is not None})
    faint = f" Faint lines: {count(seeds, 'seed')}." if seeds else ""
    caption = (
        f"Fine-tuning on {DATA.get(last.kind, last.kind)}, up to "
        f"{count(last.step, 'step')} and {count(last.tokens, 'token')}. Lines: pooled over seeds; "
        f"bands: 95 % intervals.{faint}"
    )
    styles, chance = series_styles(recipe_names(data)), data.chances.get(last.suite)
    svg = erosion_plot(points, styles, f"plot-erosion-{place}", chance)
    trace = f"{last.suite}/{last.tampering}@STEP/RECIPE"
    title = f"{spaced(last.tampering)}: {spaced(last.suite)}"
    return Drawing(title, Markup(svg), caption, trace, last.suite)


def _summary_table(data: ReportData) -> Pivot | None:
    return list_table(
        "What tampering leaves. Half of the benefit gone: the steps and tokens after which a "
        "recipe has lost half of its benefit (safety depth). Benefit on average: the area between "
        "the curves of baseline and recipe over log2(step + 1), divided by its width. 95 % "
        "intervals.",
        ("recipe",),
        (
            "persistence ratio",
            "half gone, steps",
            "half gone, tokens",
            "benefit on average",
            "benefit before",
            "benefit after",
            "note",
        ),
        data.erosion_summaries,
        lambda r: (r.tampering, r.suite, f"against {r.baseline}", r.recipe),
        _summary_cells,
        grouped=3,
        noted=True,
    )


def _drift_table(data: ReportData) -> Pivot | None:
    """Whether a model that lost its benefit was only broken."""
    stages = {row.stage: row.stage.partition("@") for row in data.tampered_drift}
    return pivot(
        "Held-out bits per byte before and after each tampering, with 95 % intervals: a benefit "
        "that goes while these rise may go because the model is worse at everything.",
        ("recipe",),
        ("before", "after"),
        data.tampered_drift,
        lambda r: (stages[r.stage][0], r.source, r.recipe),
        lambda r: "before" if stages[r.stage][2] == "0" else "after",
        lambda r: interval_cell(r, 3),
        grouped=2,
    )


def _summary_cells(row: ErosionSummary) -> tuple[Cell, ...]:
    words = (row.suite, row.tampering, row.recipe)
    half, mean = finding_name(HALF_LIFE, *words), finding_name(MEAN_BENEFIT, *words)
    return (
        _ratio_cell(row),
        Cell(_amount(row.half_steps), name=half),
        Cell(_amount(row.half_tokens), name=half),
        bounds_cell(row.area, row.area_low, row.area_high, 2, signed=True, name=mean),
        *_benefit_cells(row),
        Cell(row.half_note),
    )


def _ratio_cell(row: PersistenceRow | ErosionSummary) -> Cell:
    return bounds_cell(row.ratio, row.ratio_low, row.ratio_high, 2, name=row_name(row))


def _benefit_cells(row: PersistenceRow | ErosionSummary) -> tuple[Cell, ...]:
    """The steps to the ratio hold both."""
    name = row_name(row)
    return (
        bounds_cell(row.before, row.before_low, row.before_high, 2, signed=True, name=name),
        bounds_cell(row.after, row.after_low, row.after_high, 2, signed=True, name=name),
    )


def _amount(value: float | None) -> str:
    """A count that was interpolated: whole from ten on."""
    text = number(value, 1)
    return text if text == DASH or value is None or value < 10 else f"{value:,.0f}"
