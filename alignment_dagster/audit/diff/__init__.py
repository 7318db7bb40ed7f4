"""`alignment audit diff`: what differs between two reports, two recipes, or two studies."""

from alignment_dagster import chain
from alignment_dagster.audit.answer import Answer
from alignment_dagster.audit.diff.answer import comparison_as_answer
from alignment_dagster.audit.diff.comparison import compare_sides
from alignment_dagster.audit.diff.side import Side
from alignment_dagster.foundation.errors import ArtifactError
from alignment_dagster.lineage.archive import REPORT, SHORTEST, Archive, similar
from alignment_dagster.lineage.lake import Artifact

CURRENT, PREVIOUS = "current", "previous"


def compare(archive: Archive, a: str, b: str, report: str | None = None) -> Answer:
    """Two reports by version (or `previous`, `current`), or two recipes of one report.

    Args:
        archive: the study's past.
        a: the earlier one, or the recipe that the other is compared with.
        b: the later one, or the other recipe.
        report: of recipes, the report whose numbers are compared; the current one without.

    Raises:
        ArtifactError: if the names are neither two reports nor two recipes; names near matches.
    """
    measured = archive.report(report)
    parents = archive.parents(measured)
    recipes = [one.partition or "" for one in parents if one.asset == chain.CURATED_MIX]
    if a in recipes and b in recipes:
        return compare_recipes(archive, measured, a, b)
    for one in (a, b):
        if one not in recipes:
            _require_report(archive, one, recipes)
    for one in (a, b):
        if one in recipes:
            raise ArtifactError(f"{one} is a recipe: compare it with another recipe, not a report")
    if report is not None:
        raise ArtifactError("--report says in which report two recipes are compared; name recipes")
    return compare_reports(archive, find_report(archive, a), find_report(archive, b))


def compare_studies(a: Archive, b: Archive) -> Answer:
    """What study `b` declares and measures otherwise than study `a`, in their current reports.

    Numbers are paired where recipe, suite, stage, prompt, items and seeds are the same.

    Raises:
        ArtifactError: if one has no report, or an artifact behind it is not in the lake.
    """
    return comparison_as_answer(compare_sides(*open_sides(a, b)))


def open_sides(a: Archive, b: Archive) -> tuple[Side, Side]:
    """The current reports of two studies.

    Raises:
        ArtifactError: if one has none, it was collected as garbage, or both are one study.
    """
    if a.study == b.study:
        raise ArtifactError(f"{a.study} is compared with itself: name two studies")
    reports = [archive.report() for archive in (a, b)]
    for archive, report in zip((a, b), reports, strict=True):
        archive.require_files([report])
    return Side(a, a.study, reports[0]), Side(b, b.study, reports[1])


def compare_reports(archive: Archive, a: Artifact, b: Artifact) -> Answer:
    """What changed from report `a` to report `b`.

    Raises:
        ArtifactError: if an artifact behind one of them is not in the lake, or cannot be read.
    """
    archive.require_files([a, b])
    return comparison_as_answer(
        compare_sides(Side(archive, "before", a), Side(archive, "after", b))
    )


def compare_recipes(archive: Archive, report: Artifact, a: str, b: str) -> Answer:
    """What recipe `b` does otherwise than recipe `a`, and with what result, in one report.

    Raises:
        ArtifactError: if an artifact behind one of them is not in the lake, or cannot be read.
    """
    archive.require_files([report])
    return comparison_as_answer(
        compare_sides(Side(archive, a, report, a), Side(archive, b, report, b))
    )


def find_report(archive: Archive, name: str) -> Artifact:
    """A report by the beginning of its version, `current`, or `previous`: the one before.

    Raises:
        ArtifactError: if there is none.
    """
    if name == CURRENT:
        return archive.report()
    if name != PREVIOUS:
        return archive.report(name)
    history = [entry.version for entry in archive.journal if entry.asset == REPORT]
    earlier = [version for version in history if version != history[-1]]
    if not earlier:
        raise ArtifactError(f"study {archive.study!r} has no report before the current one")
    return archive.report(earlier[-1])


def _require_report(archive: Archive, name: str, recipes: list[str]) -> None:
    versions = [key[2] for key in archive.keys if key[0] == REPORT]
    known = [CURRENT, PREVIOUS, *versions]
    short = name.removeprefix(f"{REPORT}@")
    begins = len(short) >= SHORTEST and any(one.startswith(short) for one in versions)
    if short not in known and not begins:
        there = similar(name, [*recipes, *known])
        raise ArtifactError(f"{name!r} is no report and no recipe (near: {there})")
