"""One artifact's page: the graph around it, all that is recorded of it, and a report's numbers."""

from collections.abc import Iterator
from itertools import pairwise
from urllib.parse import quote

from alignment_dagster import chain
from alignment_dagster.audit.answer import Answer, Node
from alignment_dagster.audit.artifact_view import describe_artifact
from alignment_dagster.audit.pages.answer_page import Links, render
from alignment_dagster.audit.pages.graph import graph
from alignment_dagster.audit.review_nodes import review_nodes
from alignment_dagster.foundation import page_links
from alignment_dagster.lineage import file_names
from alignment_dagster.lineage.archive import REPORT, Archive
from alignment_dagster.lineage.lake import Artifact
from alignment_dagster.report.cells import NO_PROMPT
from alignment_dagster.report.findings import read_findings
from alignment_dagster.report.names import CLAIM, finding_name, metric_name
from alignment_dagster.report.results import ResultRow, is_tampered, read_results
from alignment_dagster.report.verdicts import claim_verdicts
from alignment_dagster.study import WORST_CASE

NOT_HASHED = "The bytes of the files were not read for this page; alignment audit check does that."


def artifact_page(archive: Archive, artifact: Artifact) -> str:
    """The page as HTML.

    Raises:
        ArtifactError: if the study's records cannot be read.
    """
    seen = describe_artifact(archive, artifact)
    key = seen.data["signed_by"]
    signed = f"Its records are signed, and the signature holds (key {key[:16]})." if key else ""
    sentences = [" ".join((*seen.sentences, signed, NOT_HASHED))]
    trees = [part for one in seen.blocks if isinstance(one, Node) for part in one.children]
    readable = artifact.asset == REPORT and not seen.data["collected"]
    numbers = _numbers(archive, artifact) if readable else []
    answer = Answer(seen.title, sentences, [*numbers, *trees], seen.data, seen.tone, seen.warnings)
    return render(
        answer,
        graph(archive, [artifact], artifact),
        trail(archive),
        list(_elsewhere(archive, artifact)),
        [Node("reviews", "", review_nodes(archive, artifact))] if artifact.asset == REPORT else [],
    )


def trail(archive: Archive | None = None, artifact: Artifact | None = None) -> Links:
    """Links up: all studies, the study, the artifact."""
    steps = [(f"{page_links.AUDIT}/", "all studies")]
    if archive:
        steps.append((page_links.audit_study(archive.study), archive.study))
    if archive and artifact:
        steps.append((address(archive, artifact), artifact.label))
    return steps


def address(archive: Archive, artifact: Artifact) -> str:
    """Of an artifact's page."""
    return page_links.audit_page(
        archive.study, artifact.asset, artifact.partition, artifact.version
    )


def comparisons(archive: Archive) -> dict[str, str]:
    """Of each report but the first: the address of its comparison with the one before."""
    versions = [entry.version for entry in archive.journal if entry.asset == REPORT]
    study = page_links.audit_study(archive.study)
    return {
        after: f"{study}/diff?a={quote(before)}&b={quote(after)}"
        for before, after in pairwise(versions)
        if before != after
    }


def _elsewhere(archive: Archive, artifact: Artifact) -> Iterator[tuple[str, str]]:
    """The report itself, what changed, what depends on it; then the two other user interfaces."""
    if artifact.asset == REPORT:
        if not archive.collection(artifact):
            yield f"{address(archive, artifact)}/report", "the report itself"
            yield f"{address(archive, artifact)}/answers", "all answers"
        if before := comparisons(archive).get(artifact.version):
            yield before, "what changed since the report before"
    reports = [entry.version for entry in archive.journal if entry.asset == REPORT]
    if artifact.asset == chain.RAW_CORPUS and reports:
        source = quote(f"source:{artifact.partition}", safe="")
        page = page_links.audit_page(archive.study, REPORT, None, reports[-1])
        yield f"{page}/impact?document={source}", "what withdrawing it would touch"
    yield (
        page_links.dagster_asset(archive.study, artifact.asset, artifact.partition),
        "the asset in Dagster",
    )
    if run := artifact.provenance.dagster_run_id:
        yield page_links.dagster_run(run), "the run in Dagster"
    yield page_links.dagster_lineage(archive.study, chain.GROUPS), "the study's lineage in Dagster"
    if run := artifact.provenance.mlflow_run_id:
        yield page_links.mlflow_run(run), "the run in MLflow"


def _numbers(archive: Archive, report: Artifact) -> list[Node]:
    """What stands behind each number of the headlines, by suite and stage."""
    rows = [row for row in read_results(report.path / file_names.RESULTS) if _in_headline(row)]
    groups: dict[tuple[str, str], list[ResultRow]] = {}
    for row in rows:
        groups.setdefault((row.metric, row.suite), []).append(row)
    nodes = [
        Node(suite, metric, [_number(archive, report, row) for row in group])
        for (metric, suite), group in groups.items()
    ]
    nodes += _claims(archive, report)
    detail = f"{len(rows)} of the headlines; any other: alignment audit trace {archive.study}"
    return [Node("what stands behind each number", detail, nodes)] if rows else []


def _claims(archive: Archive, report: Artifact) -> list[Node]:
    """The claims with their verdicts; each leads to its trace."""
    found = read_findings(report.path)["claims"]
    verdicts = claim_verdicts(found)
    nodes = [
        Node(
            row["name"],
            verdicts[row["name"]],
            link=page_links.audit_trace(
                archive.study, report.version, finding_name(CLAIM, row["name"])
            ),
        )
        for row in found
    ]
    return [Node("claims", "", nodes)] if nodes else []


def _number(archive: Archive, report: Artifact, row: ResultRow) -> Node:
    name = metric_name(row)
    link = page_links.audit_trace(archive.study, report.version, name)
    said = f"{row.value:.3f} [{row.ci_low:.3f} {row.ci_high:.3f}]"
    return Node(f"{row.stage} {row.recipe}", said, (), "plain", link)


def _in_headline(row: ResultRow) -> bool:
    """Pooled numbers of whole suites; tampered stages and single prompts can be traced by name."""
    whole = row.seed is None and "/" not in row.suite and not is_tampered(row.stage)
    return whole and row.prompt in (NO_PROMPT, WORST_CASE)
