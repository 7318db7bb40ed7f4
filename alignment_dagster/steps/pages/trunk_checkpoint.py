"""What Dagster's pages show of `trunk_checkpoint`."""

from collections.abc import Mapping
from typing import Any

from alignment_dagster.lineage.lake import Artifact
from alignment_dagster.steps.pages.pretrained_checkpoint import loss_metadata
from alignment_dagster.study import Study


def page_metadata(_study: Study, artifact: Artifact) -> Mapping[str, Any]:
    """After which steps others branch, and the loss until then."""
    steps = artifact.provenance.declared["branch_steps"]
    return {"branches_after": ", ".join(map(str, steps)), **loss_metadata("trunk", artifact)}
