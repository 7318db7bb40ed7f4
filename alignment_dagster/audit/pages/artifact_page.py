"""One artifact's page: the graph around it, all that is recorded of it, and a report's numbers."""

from urllib.parse import quote

from alignment_dagster import links
from alignment_dagster.audit.answer import Answer, Node
from alignment_dagster.audit.archive import REPORT, Archive
from alignment_dagster.audit.metrics import metric_name
from alignment_dagster.audit.pages.answer_page import render
from alignment_dagster.audit.pages.graph import graph
from alignment_dagster.audit.reviews import review_nodes
from alignment_dagster.audit.viewing import view
from alignment_dagster.errors import ArtifactError
from alignment_dagster.evaluation.cells import NO_PROMPT
from alignment_dagster.evaluation.results import ResultRow, is_tampered, read_results
from alignment_dagster.lineage.lake import Artifact


def artifact_page(archive: Archive, artifact: Artifact) -> str:
    """The page as HTML."""
    seen = view(archive, artifact)
    blocks = [*_of_report(archive, artifact), *seen.blocks]
    warnings = list(seen.warnings)
    try:
        drawn = graph(archive, artifact)
    except ArtifactError as error:
        drawn = ""
        warnings.append(f"the graph cannot be drawn: {error}")
    answer = Answer(seen.title, seen.sentences, blocks, seen.data, seen.tone, warnings)
    return render(answer, drawn, trail(archive))


def trail(
    archive: Archive | None = None, artifact: Artifact | None = None
) -> list[tuple[str, str]]:
    """Links up: all studies, the study, the artifact."""
    steps = [(f"{links.AUDIT}/", "all studies")]
    if archive:
        steps.append((f"{links.AUDIT}/{quote(archive.study)}", archive.study))
    if archive and artifact:
        steps.append((_address(archive, artifact), artifact.label))
    return steps


def _of_report(archive: Archive, artifact: Artifact) -> list[Node]:
    """The way to the report's page and to what stands behind each of its numbers; the reviews."""
    if artifact.asset != REPORT:
        return []
    address = _address(archive, artifact)
    rows = [row for row in read_results(artifact.path / "results.json") if _in_headline(row)]
    numbers = [
        Node(
            metric_name(row),
            f"{row.value:.3f} [{row.ci_low:.3f} {row.ci_high:.3f}]",
            (),
            "plain",
            f"{address}/trace?metric={quote(metric_name(row), safe='')}",
        )
        for row in rows
    ]
    return [
        Node("the report itself", "", (), "strong", f"{address}/report"),
        Node("reviews", "", review_nodes(archive, artifact)),
        Node("what stands behind each number", f"{len(numbers)} of the headlines", numbers),
    ]


def _in_headline(row: ResultRow) -> bool:
    """Pooled numbers of whole suites; tampered stages and single prompts can be traced by name."""
    whole = row.seed is None and "/" not in row.suite and not is_tampered(row.stage)
    return whole and row.prompt in (NO_PROMPT, "worst_case")


def _address(archive: Archive, artifact: Artifact) -> str:
    return links.audit_page(archive.study, artifact.asset, artifact.partition, artifact.version)
