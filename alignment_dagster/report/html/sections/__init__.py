"""The sections of the page, from what a reviewer asks first to what it all rests on."""

from alignment_dagster.report.html.content import Section
from alignment_dagster.report.html.sections import (
    attacks,
    capability,
    claims,
    comparisons,
    durability,
    items,
    misalignment,
    origin,
)
from alignment_dagster.report.rows import ReportData

ORDER = (
    claims.section,
    misalignment.section,
    durability.section,
    attacks.section,
    capability.section,
    misalignment.by_topic,
    comparisons.section,
    items.formats,
    items.disagreements,
    misalignment.everything,
    origin.reading,
    origin.names,
    origin.checks,
    origin.artifacts,
    origin.limits,
)


def sections(data: ReportData) -> list[Section]:
    """The sections that have something to show."""
    made = [make(data) for make in ORDER]
    return [section for section in made if section.blocks]
