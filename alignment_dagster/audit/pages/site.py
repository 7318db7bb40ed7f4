"""What is at which address: read from the lake when it is asked for, never written to."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import parse_qs, unquote

from alignment_dagster.audit.answer import Answer
from alignment_dagster.audit.open_report import open_report
from alignment_dagster.audit.pages import overview
from alignment_dagster.audit.pages.answer_page import render
from alignment_dagster.audit.pages.artifact_page import artifact_page, trail
from alignment_dagster.audit.pages.report_page import report_with_banner
from alignment_dagster.foundation.errors import AlignmentError
from alignment_dagster.foundation.home import Home
from alignment_dagster.lineage.archive import REPORT, Archive, near
from alignment_dagster.lineage.lake import Artifact, Lake

LONGEST = 2000
"""Characters of an address."""
Query = Mapping[str, str]


@dataclass(frozen=True)
class Page:
    """A response: HTML and its status."""

    html: str
    status: int = 200


class NotFoundError(AlignmentError):
    """There is no such page."""


def page(home: Home, target: str) -> Page:
    """The page at a path and query; a mistake is a page too, with one clear message."""
    try:
        return Page(_find(Lake(home.lake), target))
    except NotFoundError as error:
        return mistake("There is no such page", str(error), 404)
    except AlignmentError as error:
        return mistake("This cannot be shown", str(error), 409)


def _find(lake: Lake, target: str) -> str:
    parts, query = _parse(target)
    if not parts:
        return overview.studies_page(lake)
    archive = _archive(lake, parts[0])
    if len(parts) == 1:
        return overview.study_page(archive)
    if parts[1:] == ["diff"]:
        return _diff(archive, query)
    artifact = _artifact(archive, parts[1:4])
    if len(parts) == 4:
        return artifact_page(archive, artifact)
    if artifact.asset != REPORT or len(parts) > 5 or parts[4] not in REPORT_PAGES:
        asked = "/".join(parts[4:])
        raise NotFoundError(f"{asked!r} (there is: {', '.join(REPORT_PAGES)} of a report)")
    return REPORT_PAGES[parts[4]](archive, artifact, query)


def _parse(target: str) -> tuple[list[str], Query]:
    if len(target) > LONGEST:
        raise NotFoundError(f"an address has at most {LONGEST:,} characters")
    path, _, query = target.partition("?")
    parts = [unquote(part) for part in path.split("/") if part]
    if any(not part.isprintable() for part in parts):
        raise NotFoundError("an address has no control characters")
    return parts, {name: values[-1] for name, values in parse_qs(query).items()}


def _archive(lake: Lake, study: str) -> Archive:
    """Of a study that a folder of the lake is named after: names become no paths otherwise."""
    there = overview.names(lake)
    if study not in there:
        raise NotFoundError(f"there is no study {study!r} (near: {near(study, there)})")
    return Archive(lake, study)


def _artifact(archive: Archive, parts: Sequence[str]) -> Artifact:
    """One that the lake holds: what is asked for is looked up, and becomes no path."""
    known = {
        f"{one[0]}/{(one[1] or 'all').replace('|', '.')}/{one[2]}": one for one in archive.keys
    }
    asked = "/".join(parts)
    if asked in known:
        return archive.artifact(*known[asked])
    below = [one for one in known if one.startswith(f"{asked}/")]
    beside = sorted({"/".join(one.split("/")[: len(parts)]) for one in known})
    raise NotFoundError(
        f"there is no artifact at {asked!r}: asset/partition/version "
        f"(near: {near(asked, below or beside)})"
    )


def _report(archive: Archive, report: Artifact, _query: Query) -> str:
    return report_with_banner(archive, report)


def _trace(archive: Archive, report: Artifact, query: Query) -> str:
    from alignment_dagster.audit.metrics import find_metric
    from alignment_dagster.audit.trace.answer import trace_as_answer
    from alignment_dagster.audit.trace.metric_trace import trace_metric

    with open_report(archive, report.version) as opened:
        answer = trace_as_answer(
            trace_metric(opened, find_metric(opened, _wanted(query, "metric")))
        )
    return render(answer, trail=trail(archive, report))


def _impact(archive: Archive, report: Artifact, query: Query) -> str:
    from alignment_dagster.audit.impact.answer import impact_as_answer
    from alignment_dagster.audit.impact.blast_radius import find_impact

    with open_report(archive, report.version) as opened:
        answer = impact_as_answer(find_impact(archive, opened, [_wanted(query, "document")]))
    return render(answer, trail=trail(archive, report))


def _diff(archive: Archive, query: Query) -> str:
    from alignment_dagster.audit.diff import compare

    answer = compare(archive, _wanted(query, "a"), _wanted(query, "b"))
    return render(answer, trail=trail(archive))


REPORT_PAGES: Mapping[str, Callable[[Archive, Artifact, Query], str]] = {
    "report": _report,
    "trace": _trace,
    "impact": _impact,
}


def _wanted(query: Query, name: str) -> str:
    if name not in query:
        raise NotFoundError(f"the address lacks ?{name}=…")
    return query[name]


def mistake(title: str, message: str, status: int) -> Page:
    """A page that says what is wrong."""
    return Page(render(Answer(title, (message,), (), {}), trail=trail()), status)
