"""Sensors that tell people what the runs of a study have come to, where it declares whom to tell.

A run that was cancelled is no news to who cancelled it. What `alignment run` does is told by the
command itself, at the terminal.
"""

from collections.abc import Sequence

import dagster as dg

from alignment_dagster.graph.run_tags import COMMAND, STARTED_BY
from alignment_dagster.refresh.notify import notify
from alignment_dagster.refresh.notify.run_events import messages_of
from alignment_dagster.study import Study

STATUSES = {
    "failed": (dg.DagsterRunStatus.FAILURE, "failed runs, and the blocking checks that stop them"),
    "ended": (dg.DagsterRunStatus.SUCCESS, "what was refreshed, and blocking checks that failed"),
}


def tell(study: Study, context: dg.RunStatusSensorContext) -> None:
    """Tell what an ended run means; what could not be sent is in the sensor's log."""
    for said in notify(study, messages_of(study, context.dagster_run, context.instance)):
        context.log.warning(f"not sent: {said}")


def sensor(study: Study, which: str) -> dg.SensorDefinition:
    """A sensor over the study's runs of one status."""
    status, what = STATUSES[which]

    @dg.run_status_sensor(
        name=f"{study.name}_tell_of_{which}_runs",
        run_status=status,
        description=f"Tells the people that study {study.name} declares of {what}.",
        default_status=dg.DefaultSensorStatus.RUNNING,
    )
    def evaluate(context: dg.RunStatusSensorContext) -> None:
        if context.dagster_run.tags.get(STARTED_BY) != COMMAND:
            tell(study, context)

    return evaluate


def definitions(studies: Sequence[Study]) -> dg.Definitions:
    """Two sensors for every study that declares notifications."""
    told = [
        study
        for study in studies
        if study.declaration.refresh and study.declaration.refresh.notifications
    ]
    return dg.Definitions(sensors=[sensor(study, which) for study in told for which in STATUSES])
