"""The sections of the page: a question each, then what is folded because few ask for it."""

from alignment_dagster.report.html.content import Section
from alignment_dagster.report.html.sections import (
    attacks,
    canaries,
    capability,
    claims,
    comparisons,
    durability,
    items,
    misalignment,
    origin,
    written,
)
from alignment_dagster.report.rows import ReportData

ORDER = (
    claims.section,
    misalignment.section,
    durability.section,
    attacks.section,
    capability.section,
    origin.limits,
    origin.training_data,
    written.section,
    canaries.section,
    origin.compute,
    comparisons.section,
    misalignment.by_topic,
    misalignment.all_results,
    items.formats,
    items.disagreements,
    origin.names,
    origin.glossary,
    origin.checks,
    origin.artifacts,
)


def make_sections(data: ReportData) -> list[Section]:
    """The sections that have something to show."""
    sections = (make(data) for make in ORDER)
    return [section for section in sections if section.blocks or section.more]
