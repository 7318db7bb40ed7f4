"""The code location: every declared study's assets, checks, jobs, schedules and sensors.

All of a run happens in one process: starting one for every step would cost more than most steps;
the heavy ones start a process of their own anyway. Nothing here imports torch.
"""

from collections.abc import Sequence

import dagster as dg

from alignment_dagster.defs import (
    assets,
    dbt_models,
    freshness,
    jobs,
    notifications,
    refresh,
    training_policy,
)
from alignment_dagster.defs.resources import resources
from alignment_dagster.preflight.studies import declared_studies
from alignment_dagster.study import Study

PARTS = (assets, dbt_models, jobs, refresh, training_policy, freshness, notifications)


def definitions_of(studies: Sequence[Study]) -> dg.Definitions:
    """Everything that Dagster knows of these studies."""
    return dg.Definitions.merge(
        *(part.definitions(studies) for part in PARTS),
        dg.Definitions(resources=resources(), executor=dg.in_process_executor),
    )


@dg.definitions
def defs() -> dg.Definitions:
    """All declared studies."""
    return definitions_of(declared_studies())
