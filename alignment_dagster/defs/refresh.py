"""The refresh of each study that declares one: its schedule, its watch, and what follows."""

from collections.abc import Iterator, Sequence

import dagster as dg

from alignment_dagster.defs.automation_conditions import followers
from alignment_dagster.graph.partitions import by_source
from alignment_dagster.graph.run_tags import FOLLOWS, SCHEDULE, STARTED_BY, WATCH
from alignment_dagster.refresh.job_names import refresh_job
from alignment_dagster.refresh.sources import Found, look_at
from alignment_dagster.study import Refresh, Study

TICK_SECONDS = 30


def _requests(study: Study, found: Found, by: str, tick: str) -> Iterator[dg.RunRequest]:
    for one in found.to_read:
        yield dg.RunRequest(
            run_key=f"{one.source}:{one.key}:{tick}",
            partition_key=one.source,
            asset_selection=[dg.AssetKey([study.name, name]) for name in one.assets],
            tags={STARTED_BY: by},
        )


def _words(found: Found) -> str:
    """Why nothing is started."""
    said = [f"{len(found.looks)} sources looked at"]
    if found.busy:
        said.append(f"a run is at {', '.join(found.busy)}")
    said += list(found.failures.values())
    if len(said) == 1:
        said.append("nothing has changed")
    return "; ".join(said)


def _schedule(study: Study, refresh: Refresh) -> dg.ScheduleDefinition | None:
    declared = refresh.schedule
    if declared is None:
        return None

    @dg.schedule(
        name=f"{study.name}_refresh",
        job_name=refresh_job(study),
        cron_schedule=declared.cron,
        execution_timezone=declared.timezone,
        default_status=dg.DefaultScheduleStatus(refresh.default_status.upper()),
        description="Looks at every source, and reads and scores those that changed.",
        tags={"study": study.name},
    )
    def look(context: dg.ScheduleEvaluationContext) -> Iterator[dg.RunRequest | dg.SkipReason]:
        found = look_at(study, by_source(study), context.instance)
        for failure in found.failures.values():
            context.log.error(failure)
        yield from _requests(study, found, SCHEDULE, context.scheduled_execution_time.isoformat())
        # A source that cannot be read is a run that fails, so that somebody is told.
        for source in found.failures:
            key = f"{source}:unreadable:{context.scheduled_execution_time.isoformat()}"
            yield dg.RunRequest(run_key=key, partition_key=source, tags={STARTED_BY: SCHEDULE})
        if not found.to_read and not found.failures:
            yield dg.SkipReason(_words(found))

    return look


def _watch(study: Study, refresh: Refresh) -> dg.SensorDefinition | None:
    declared = refresh.watch
    if declared is None:
        return None

    @dg.sensor(
        name=f"{study.name}_watch_sources",
        job_name=refresh_job(study),
        minimum_interval_seconds=declared.every_seconds,
        default_status=dg.DefaultSensorStatus(refresh.default_status.upper()),
        description=f"Looks for new or changed files of {', '.join(declared.sources)}.",
        tags={"study": study.name},
    )
    def look(context: dg.SensorEvaluationContext) -> Iterator[dg.RunRequest | dg.SkipReason]:
        found = look_at(study, declared.sources, context.instance)
        yield from _requests(study, found, WATCH, "watched")
        if not found.to_read:
            yield dg.SkipReason(_words(found))

    return look


def _follow(study: Study, refresh: Refresh) -> dg.AutomationConditionSensorDefinition:
    """Asks for what follows by itself; evaluated here, where the conditions' code is."""
    names = followers(study)
    keys = [dg.AssetKey([study.name, name]) for name in names]
    return dg.AutomationConditionSensorDefinition(
        name=f"{study.name}_follow",
        target=dg.AssetSelection.assets(*keys),
        run_tags={STARTED_BY: FOLLOWS, "study": study.name},
        default_status=dg.DefaultSensorStatus(refresh.default_status.upper()),
        minimum_interval_seconds=TICK_SECONDS,
        emit_backfills=False,
        use_user_code_server=True,
        description=f"What follows by itself once checks have passed: {', '.join(names)}.",
        tags={"study": study.name},
    )


def definitions(studies: Sequence[Study]) -> dg.Definitions:
    """Schedules and sensors of the studies that declare a refresh."""
    declared = [(one, one.declaration.refresh) for one in studies]
    having = [(study, refresh) for study, refresh in declared if refresh is not None]
    schedules = [_schedule(study, refresh) for study, refresh in having]
    watches = [_watch(study, refresh) for study, refresh in having]
    return dg.Definitions(
        schedules=[one for one in schedules if one is not None],
        sensors=[
            *(one for one in watches if one is not None),
            *(_follow(study, refresh) for study, refresh in having),
        ],
    )
