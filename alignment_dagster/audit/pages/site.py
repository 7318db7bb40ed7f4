"""What is at which address: read from the lake when it is asked for, never written to."""

from collections.abc import Callable, Mapping

from starlette.requests import Request

from alignment_dagster.audit.answer import Answer, Node
from alignment_dagster.audit.corpus.current import current_artifacts
from alignment_dagster.audit.open_report import open_report
from alignment_dagster.audit.pages import overview
from alignment_dagster.audit.pages.answer_page import Links, render
from alignment_dagster.audit.pages.artifact_page import address, artifact_page, trail
from alignment_dagster.audit.pages.report_page import report_with_banner
from alignment_dagster.audit.run_nodes import run_links
from alignment_dagster.foundation.errors import AlignmentError
from alignment_dagster.foundation.glossary import read_glossary
from alignment_dagster.foundation.page_links import GLOSSARY, audit_corpus
from alignment_dagster.lineage.archive import REPORT, Archive, similar
from alignment_dagster.lineage.lake import Artifact, Lake

LONGEST_SEARCH = 200
"""Characters."""


class NotFoundError(AlignmentError):
    """There is no such page."""


def _studies(lake: Lake, request: Request) -> str:
    return overview.studies_page(lake, _searched(request), request.app.state.stale)


def _study(lake: Lake, request: Request) -> str:
    return overview.study_page(_archive(lake, request), _searched(request), request.app.state.stale)


def _glossary(_lake: Lake, _request: Request) -> str:
    words = [Node(word, meaning, tone="strong") for word, meaning in read_glossary()]
    return render(Answer("Glossary", (), words, {}), trail=trail())


def _diff(lake: Lake, request: Request) -> str:
    from alignment_dagster.audit.diff import compare

    archive = _archive(lake, request)
    answer = compare(archive, _wanted(request, "a"), _wanted(request, "b"))
    return render(answer, trail=trail(archive))


def _artifact(lake: Lake, request: Request) -> str:
    return artifact_page(*_asked(lake, request))


def _report(lake: Lake, request: Request) -> str:
    return report_with_banner(*_asked_report(lake, request))


def _trace(lake: Lake, request: Request) -> str:
    from alignment_dagster.audit.trace.lookup import trace_quoted

    archive, report = _asked_report(lake, request)
    with open_report(archive, report.version) as opened:
        answer = trace_quoted(opened, _wanted(request, "metric"))
    return render(answer, trail=trail(archive, report), doors=run_links(answer))


def _answers(lake: Lake, request: Request) -> str:
    from alignment_dagster.audit.pages.answers import answers_page

    archive, report = _asked_report(lake, request)
    with open_report(archive, report.version) as opened:
        return answers_page(opened, dict(request.query_params))


def _impact(lake: Lake, request: Request) -> str:
    from alignment_dagster.audit.impact.answer import impact_as_answer
    from alignment_dagster.audit.impact.blast_radius import find_impact

    archive, report = _asked_report(lake, request)
    with open_report(archive, report.version) as opened:
        answer = impact_as_answer(find_impact(archive, opened, [_wanted(request, "document")]))
    return render(answer, trail=trail(archive, report))


def _corpus(lake: Lake, request: Request) -> str:
    from alignment_dagster.audit.pages.corpus_page import corpus_page

    return corpus_page(_archive(lake, request), dict(request.query_params))


def _why(lake: Lake, request: Request) -> str:
    from alignment_dagster.audit.corpus.story import find_story
    from alignment_dagster.audit.corpus.story_answer import story_as_answer

    archive = _archive(lake, request)
    story = find_story(archive, _wanted(request, "document"))
    page = f"impact?document={story.document_id}"
    withdrawn = "what withdrawing it would touch"
    reports = [address(archive, one) for one in current_artifacts(archive, REPORT)]
    doors = [(f"{report}/{page}", withdrawn) for report in reports]
    return render(story_as_answer(story), trail=_corpus_trail(archive), doors=doors)


def _quarantine(lake: Lake, request: Request) -> str:
    from alignment_dagster.audit.corpus.quarantine import describe_quarantine

    archive = _archive(lake, request)
    return render(describe_quarantine(archive), trail=_corpus_trail(archive))


def _thresholds(lake: Lake, request: Request) -> str:
    from alignment_dagster.audit.corpus.threshold_answer import (
        measure_thresholds,
        thresholds_as_answer,
    )
    from alignment_dagster.audit.pages.corpus_overview import threshold_pictures

    archive = _archive(lake, request)
    found = measure_thresholds(archive, request.query_params.get("column"))
    answer = thresholds_as_answer(archive.study, found)
    return render(answer, trail=_corpus_trail(archive), above=threshold_pictures(found))


def _corpus_trail(archive: Archive) -> Links:
    """Links up to the study's documents."""
    return [*trail(archive), (audit_corpus(archive.study), "documents")]


PAGES: Mapping[str, Callable[[Lake, Request], str]] = {
    "/": _studies,
    f"/{GLOSSARY}": _glossary,
    "/{study}": _study,
    "/{study}/": _study,
    "/{study}/diff": _diff,
    "/{study}/corpus": _corpus,
    "/{study}/corpus/why": _why,
    "/{study}/corpus/quarantine": _quarantine,
    "/{study}/corpus/thresholds": _thresholds,
    "/{study}/{artifact:path}/report": _report,
    "/{study}/{artifact:path}/trace": _trace,
    "/{study}/{artifact:path}/impact": _impact,
    "/{study}/{artifact:path}/answers": _answers,
    "/{study}/{artifact:path}": _artifact,
}
"""Address → what makes its HTML. An artifact is `asset/partition/version`."""


def _archive(lake: Lake, request: Request) -> Archive:
    """Of a study that a folder of the lake is named after: names become no paths otherwise."""
    study, there = request.path_params["study"], overview.names(lake)
    if study not in there:
        raise NotFoundError(f"there is no study {study!r} (near: {similar(study, there)})")
    return Archive(lake, study)


def _asked(lake: Lake, request: Request) -> tuple[Archive, Artifact]:
    """One that the lake holds: what is asked for is looked up, and becomes no path."""
    archive, asked = _archive(lake, request), request.path_params["artifact"].strip("/")
    known = {
        f"{one[0]}/{(one[1] or 'all').replace('|', '.')}/{one[2]}": one for one in archive.keys
    }
    if asked in known:
        return archive, archive.artifact(*known[asked])
    below = [one for one in known if one.startswith(f"{asked}/")]
    depth = asked.count("/") + 1
    beside = sorted({"/".join(one.split("/")[:depth]) for one in known})
    raise NotFoundError(
        f"there is no artifact at {asked!r}: asset/partition/version "
        f"(near: {similar(asked, below or beside)})"
    )


def _asked_report(lake: Lake, request: Request) -> tuple[Archive, Artifact]:
    archive, artifact = _asked(lake, request)
    if artifact.asset != REPORT:
        raise NotFoundError(f"{artifact.label} is no report: only a report has such a page")
    return archive, artifact


def _wanted(request: Request, name: str) -> str:
    if not request.query_params.get(name):
        raise NotFoundError(f"the address lacks ?{name}=…")
    return request.query_params[name]


def _searched(request: Request) -> str:
    return request.query_params.get("q", "").strip()[:LONGEST_SEARCH]
