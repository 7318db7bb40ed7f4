"""Where an artifact's runs can be seen while the pages are served."""

from alignment_dagster.audit.answer import Node
from alignment_dagster.foundation.page_links import dagster_run, mlflow_run
from alignment_dagster.lineage.lake import Artifact


def run_nodes(artifact: Artifact) -> list[Node]:
    """The runs in Dagster and in MLflow that an artifact was made in."""
    made = artifact.provenance
    pages = (
        ("its run in Dagster", made.dagster_run_id, dagster_run),
        ("its run in MLflow", made.mlflow_run_id, mlflow_run),
    )
    return [
        Node(said, address(run), tone="dim", link=address(run))
        for said, run, address in pages
        if run
    ]
