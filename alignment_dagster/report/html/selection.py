"""Which rows stand where on the page."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol, TypeVar

from alignment_dagster.report.results import ResultRow
from alignment_dagster.report.rows import ReportData
from alignment_dagster.report.terminal_table import rows_in_headlines
from alignment_dagster.report.text import spaced
from alignment_dagster.study.suites import ATTACK_SUCCESS, FLAGGED_RATE, MISALIGNMENT_RATE

LOWER_IS_BETTER = (MISALIGNMENT_RATE, FLAGGED_RATE)
MOST_IN_HEADLINE = 2
FOUND = 0.95
"""Share of planted leaks below which it is said that they are not all found."""


class Staged(Protocol):
    """A row that belongs to a stage."""

    @property
    def stage(self) -> str: ...


S = TypeVar("S", bound=Staged)


def without_tampered_stages(data: ReportData) -> ReportData:
    """The data with tampered stages (`name@step`) only where erosion is shown, and attacks only
    where attacks are.
    """
    answers = [row for row in data.results if row.metric != ATTACK_SUCCESS]
    return replace(
        data,
        results=_untampered(answers),
        topics=_untampered(data.topics),
        comparisons=_untampered(data.comparisons),
        attacks=_untampered(data.attacks),
        attack_examples=_untampered(data.attack_examples),
        disagreements=_untampered(data.disagreements),
        formats=_untampered(data.formats),
        drift=_untampered(data.drift),
    )


def misalignment_suites(data: ReportData) -> list[str]:
    """Suites whose metric is bad when high: *articles* first, then *textbook*, then the rest."""
    splits = {suite.name: suite.split for suite in data.suites}
    measured = dict.fromkeys(r.suite for r in data.results if r.metric in LOWER_IS_BETTER)
    order = ("articles", "textbook", None)
    return sorted(measured, key=lambda suite: order.index(splits.get(suite)))


def headline_suites(data: ReportData) -> list[str]:
    """The suites of the headline: those with a split, or else the first ones."""
    splits = {suite.name: suite.split for suite in data.suites}
    suites = misalignment_suites(data)
    return [suite for suite in suites if splits.get(suite)] or suites[:MOST_IN_HEADLINE]


def headline_rows_of_suite(rows: Sequence[ResultRow], suite: str) -> list[ResultRow]:
    """The pooled rows of a suite under the headline system prompt."""
    return [row for row in rows_in_headlines(rows) if row.suite == suite]


def stages_of(rows: Sequence[S]) -> list[str]:
    """The stages, in the order measured."""
    return list(dict.fromkeys(row.stage for row in rows))


def recipe_names(data: ReportData) -> list[str]:
    """Declared recipes, then any other that was measured: a figure's colours go by this order."""
    named = [recipe.name for recipe in data.recipes]
    found = (data.results, data.erosion, data.attacks, data.losses, data.composition)
    answered = (recipe for item in data.disagreements for recipe in sorted(item.rates))
    measured = (row.recipe for rows in found for row in rows)
    return list(dict.fromkeys([*named, *measured, *answered]))


def suite_description(data: ReportData, suite: str) -> str:
    """A suite's own description and how its items could have leaked unnoticed, ready to be
    followed by a sentence.
    """
    about = {one.name: one.description for one in data.suites}
    description = f"{about[suite]} " if suite in about else ""
    return f"{description}{_missed_leaks(data, suite)}"


def _missed_leaks(data: ReportData, suite: str) -> str:
    missed = [row for row in data.leaks if row.suite == suite and row.recall < FOUND]
    if not missed:
        return ""
    listed = ", ".join(f"{spaced(row.leak)}: {row.recall:.0%} found" for row in missed)
    return f"The contamination check does not find all leaks of its items ({listed}). "


def _untampered(rows: Sequence[S]) -> tuple[S, ...]:
    return tuple(row for row in rows if "@" not in row.stage)
