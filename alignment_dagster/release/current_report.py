"""The report that is current: what results, exports and approvals are about."""

from alignment_dagster import chain
from alignment_dagster.foundation.errors import ArtifactError
from alignment_dagster.foundation.home import Home
from alignment_dagster.lineage.lake import Artifact, Lake
from alignment_dagster.study import Study


def latest_report(study: Study, home: Home) -> Artifact:
    """The current report, verified: the one that the journal says became current last.

    Not asked of Dagster's records, which say the same (`alignment audit check` compares them) and
    take seconds to open.

    Raises:
        ArtifactError: if there is none yet, or it was altered.
    """
    lake = Lake(home.lake)
    lake.pull(study.name)
    version = lake.journal(study.name).current(chain.EVAL_REPORT, None)
    if version is None:
        message = f"study {study.name!r} has no report yet: alignment run {study.name}"
        raise ArtifactError(message)
    return lake.open(study.name, chain.EVAL_REPORT, None, version)
