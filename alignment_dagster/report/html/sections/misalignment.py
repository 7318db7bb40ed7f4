"""Misalignment rates by recipe and stage, by topic, and all numbers."""

from markupsafe import Markup

from alignment_dagster.report.cells import BITS_PER_BYTE
from alignment_dagster.report.html.content import (
    Drawing,
    Figures,
    Pivot,
    Section,
    Text,
    keep_filled,
)
from alignment_dagster.report.html.pivots import interval_cell, pivot, ranks
from alignment_dagster.report.html.plots.intervals import interval_plot
from alignment_dagster.report.html.plots.style import series_styles
from alignment_dagster.report.html.selection import (
    headline_rows_of_suite,
    headline_suites,
    misalignment_suites,
    recipe_names,
    stages_of,
    suite_description,
)
from alignment_dagster.report.rows import ReportData
from alignment_dagster.report.terminal_table import headline_prompt
from alignment_dagster.report.text import STAGES, count, spaced
from alignment_dagster.study.suites import FLAGGED_RATE

LABELS = {FLAGGED_RATE: "share of answers flagged"}


def section(data: ReportData) -> Section:
    """A figure for each suite of the headline; the other suites and the numbers are folded."""
    seeds = max((row.seeds for row in data.results), default=1)
    scope = f"{seeds} seeds and scenarios" if seeds > 1 else "scenarios only, as there is one seed"
    intro = (
        "The share of scenarios in which the misaligned option is the likelier one (or, where text "
        f"is generated, of answers that are flagged). Lower is better. {_stage_names(data)}"
    )
    reading = (
        "Rates are averaged over formats. Synthetic documents cover the topics of suites marked "
        "articles, and not those marked textbook, which so show generalisation. Large marks: "
        f"pooled over seeds, with 95 % intervals over {scope}. Small rings: single seeds. Dotted: "
        "a model that answers by chance."
    )
    suites = misalignment_suites(data)
    drawings = [_drawing(data, suite, place) for place, suite in enumerate(suites)]
    shown = len(headline_suites(data))
    return Section(
        "misalignment",
        "Misalignment before and after post-training",
        intro,
        keep_filled(Figures(tuple(drawings[:shown]))),
        keep_filled(
            Text(reading) if drawings else None,
            Figures(tuple(drawings[shown:])),
            _rates_table(data),
        ),
        "How to read it, and the numbers",
    )


def by_topic(data: ReportData) -> Section:
    """Pooled rates by topic, at the first and the last stage, under the headline prompt."""
    stages = stages_of(data.topics)
    ends = {*stages[:1], *stages[-1:]}
    shown = [
        row
        for row in data.topics
        if row.stage in ends and row.prompt == headline_prompt(data.results, row.suite)
    ]
    shown.sort(key=lambda row: (row.suite, row.topic, stages.index(row.stage)))
    table = pivot(
        "Misalignment rate (capability suites: accuracy) by topic, with 95 % intervals.",
        ("stage", "n"),
        recipe_names(data),
        shown,
        lambda r: (r.suite, r.topic, r.stage, str(r.n)),
        lambda r: r.recipe,
        lambda r: interval_cell(r, 2),
        grouped=2,
    )
    return Section("topics", "By topic", "", (), keep_filled(table), "Rates by topic")


def all_results(data: ReportData) -> Section:
    """Every pooled row; recipes as columns."""
    pooled = [row for row in data.results if row.seed is None]
    suites, prompts = ranks(r.suite for r in pooled), ranks(r.prompt for r in pooled)
    pooled.sort(key=lambda r: (suites[r.suite], prompts[r.prompt]))
    table = pivot(
        "Pooled over seeds; below each value its 95 % interval; n counts scenarios or documents.",
        ("stage", "n"),
        recipe_names(data),
        pooled,
        lambda r: (r.metric, r.suite, f"system prompt: {r.prompt}", r.stage, str(r.n)),
        lambda r: r.recipe,
        lambda r: interval_cell(r, 3 if r.metric == BITS_PER_BYTE else 2),
        grouped=3,
    )
    return Section(
        "results", "All pooled results", "", (), keep_filled(table), "Every pooled number"
    )


def _rates_table(data: ReportData) -> Pivot | None:
    """The pooled rates under the headline prompt; stages as columns."""
    rows = [
        row
        for suite in misalignment_suites(data)
        for row in headline_rows_of_suite(data.results, suite)
    ]
    return pivot(
        "Misalignment rates with 95 % intervals.",
        ("recipe",),
        stages_of(rows),
        rows,
        lambda r: (r.suite, r.recipe),
        lambda r: r.stage,
        lambda r: interval_cell(r, 2),
        grouped=1,
    )


def _drawing(data: ReportData, suite: str, place: int) -> Drawing:
    prompt = headline_prompt(data.results, suite)
    rows = [row for row in data.results if row.suite == suite and row.prompt == prompt]
    label = LABELS.get(rows[0].metric, "misalignment rate")
    styles, chance = series_styles(recipe_names(data)), data.chances.get(suite)
    svg = interval_plot(rows, label, styles, f"plot-rate-{place}", whole=True, chance=chance)
    scenarios = count(headline_rows_of_suite(data.results, suite)[0].n, "scenario")
    caption = f"{suite_description(data, suite)}{scenarios}; system prompt: {spaced(prompt)}."
    return Drawing(spaced(suite), Markup(svg), caption, f"{suite}/STAGE/RECIPE", suite)


def _stage_names(data: ReportData) -> str:
    """What the names of the stages stand for."""
    known = [stage for stage in stages_of(data.results) if stage in STAGES]
    meant = "; ".join(f"{stage}: {STAGES[stage][0].lower()}{STAGES[stage][1:]}" for stage in known)
    return f"Stages: {meant}." if meant else ""
