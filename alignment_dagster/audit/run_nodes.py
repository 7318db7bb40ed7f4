"""Where an artifact's runs can be seen while the pages are served."""

from collections.abc import Iterable, Iterator

from alignment_dagster.audit.answer import Answer, Node
from alignment_dagster.foundation.page_links import dagster_run, mlflow_run
from alignment_dagster.lineage.lake import Artifact

ITS_RUN = "its run in "
MOST_RUNS = 12
"""Links that a page begins with."""


def run_nodes(artifact: Artifact) -> list[Node]:
    """The runs in Dagster and in MLflow that an artifact was made in."""
    made = artifact.provenance
    pages = (
        (made.dagster_run_id, dagster_run, "Dagster"),
        (made.mlflow_run_id, mlflow_run, "MLflow"),
    )
    return [
        Node(f"{ITS_RUN}{name}", address(run), tone="dim", link=address(run))
        for run, address, name in pages
        if run
    ]


def run_links(answer: Answer) -> list[tuple[str, str]]:
    """Address and name of each run that an answer's trees lead to; none where they are many."""
    trees = [block for block in answer.blocks if isinstance(block, Node)]
    found = dict(_find_runs(trees))
    return list(found.items()) if len(found) <= MOST_RUNS else []


def _find_runs(nodes: Iterable[Node]) -> Iterator[tuple[str, str]]:
    for node in nodes:
        artifact = node.text.partition("@")[0]
        for child in node.children:
            if child.link and child.text.startswith(ITS_RUN):
                yield child.link, f"{artifact} in {child.text.removeprefix(ITS_RUN)}"
        yield from _find_runs(node.children)
