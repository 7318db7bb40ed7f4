"""The report that is current: what results, exports and approvals are about."""

from alignment_dagster import chain
from alignment_dagster.foundation.errors import ArtifactError
from alignment_dagster.foundation.home import Home
from alignment_dagster.graph.instance import open_reader
from alignment_dagster.graph.parents import current_version
from alignment_dagster.lineage.lake import Artifact, Lake
from alignment_dagster.study import Study


def latest_report(study: Study, home: Home) -> Artifact:
    """The current report, verified.

    Raises:
        ArtifactError: if there is none yet, or it was altered.
    """
    with open_reader(home) as instance:
        version = current_version(instance, study.name, chain.EVAL_REPORT, None)
    if version is None:
        message = f"study {study.name!r} has no report yet: alignment run {study.name}"
        raise ArtifactError(message)
    return Lake(home.lake).open(study.name, chain.EVAL_REPORT, None, version)
