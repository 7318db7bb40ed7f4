"""The training policy of each study that declares one: a sensor that keeps to its budget."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

import dagster as dg
from croniter import croniter

from alignment_dagster.foundation.home import Home
from alignment_dagster.graph.run_tags import POLICY, STARTED_BY
from alignment_dagster.graph.staleness import Staleness
from alignment_dagster.lineage.lake import Lake
from alignment_dagster.refresh.budget import Account
from alignment_dagster.refresh.job_names import train_job
from alignment_dagster.refresh.notify import Message, message, notify
from alignment_dagster.refresh.training_policy import Replicate, account_of, wanted
from alignment_dagster.steps.registry import STEPS
from alignment_dagster.study import Refresh, Schedule, Study

TICK_SECONDS = 60


def _sensor(study: Study, refresh: Refresh) -> dg.SensorDefinition:
    @dg.sensor(
        name=f"{study.name}_training_policy",
        job_name=train_job(study),
        minimum_interval_seconds=TICK_SECONDS,
        default_status=dg.DefaultSensorStatus(refresh.default_status.upper()),
        description="Trains again what the declared policy says, within its budget.",
        tags={"study": study.name},
    )
    def train(context: dg.SensorEvaluationContext) -> Iterator[dg.RunRequest | dg.SkipReason]:
        lake = Lake(Home.from_environment().lake)
        assert refresh.budget is not None  # the declaration requires it
        spent = account_of(study, refresh.budget, context.instance, lake)
        replicates = wanted(Staleness(context.instance, lake, study, STEPS))
        chosen = replicates[: spent.may_start]
        left = len(replicates) - len(chosen)
        context.log.info(
            f"{len(chosen)} to train now, {left} when the budget allows; {spent.words}"
        )
        too_many = spent.cannot_pay(len(replicates))
        if too_many:
            for reason in notify(study, [_spent_message(study, spent, left)]):
                context.log.warning(reason)
        yield from (_request(study, refresh, one) for one in chosen)
        if not chosen:
            waiting = ", ".join(one.partition for one in replicates)
            why = "the budget is spent" if too_many else "what a run costs is not measured yet"
            said = f"{why}; {waiting} must wait" if replicates else "nothing to train"
            yield dg.SkipReason(f"{said}: {spent.words}")

    return train


def _spent_message(study: Study, spent: Account, waiting: int) -> Message:
    """Told once a period."""
    counts = {"runs": spent.runs, "device_hours": spent.device_hours, "waiting": waiting}
    return message(study.name, "budget_spent", f"{spent.start:%Y-%m-%d}", counts=counts)


def _request(study: Study, refresh: Refresh, one: Replicate) -> dg.RunRequest:
    """A failed one is asked for again after the next scheduled look, or the next day."""
    schedule = refresh.schedule or Schedule(cron="0 0 * * *")
    now = datetime.now(ZoneInfo(schedule.timezone))
    before: datetime = croniter(schedule.cron, now).get_prev(datetime)
    return dg.RunRequest(
        run_key=f"{one.partition}:{one.key}:{before:%Y-%m-%dT%H:%M}",
        partition_key=one.partition,
        asset_selection=[dg.AssetKey([study.name, name]) for name in one.assets],
        tags={STARTED_BY: POLICY, "alignment/changed_share": f"{one.share:.4f}"},
    )


def definitions(studies: Sequence[Study]) -> dg.Definitions:
    """One sensor for each study whose models are trained again by themselves."""
    declared = [(study, study.declaration.refresh) for study in studies]
    return dg.Definitions(
        sensors=[
            _sensor(study, refresh)
            for study, refresh in declared
            if refresh is not None and refresh.training.when != "never"
        ]
    )
