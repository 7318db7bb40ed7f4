"""What an ended run means for the people of a study: names, numbers and pages, from its events."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import dagster as dg

from alignment_dagster import chain
from alignment_dagster.lineage.event_metadata import VERSION
from alignment_dagster.refresh.notify import Message, a_name, message
from alignment_dagster.study import Moment, Study

READ = {
    dg.DagsterEventType.ASSET_MATERIALIZATION,
    dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED,
    dg.DagsterEventType.ASSET_CHECK_EVALUATION,
    dg.DagsterEventType.STEP_FAILURE,
}


@dataclass(frozen=True)
class Ended:
    """What is read of a run that has ended: of one study, and nothing that quotes a document."""

    run_id: str
    partition: str | None
    planned: tuple[str, ...]
    """Assets that the run was to make."""
    failed_steps: tuple[str, ...]
    failed_checks: tuple[tuple[str, str], ...]
    """Asset and check, of blocking ones."""
    made: Mapping[str, dg.AssetMaterialization | None]

    @property
    def asset(self) -> str | None:
        """The asset whose step failed, or the only one that was planned."""
        steps = {step.rpartition("__")[2] for step in self.failed_steps}
        found = [asset for asset in self.planned if asset in steps] or list(self.planned)
        return found[0] if len(set(found)) == 1 else None


def messages_of(
    study: Study, run: dg.DagsterRun, instance: dg.DagsterInstance
) -> tuple[Message, ...]:
    """The messages that an ended run gives rise to; none where it is another study's."""
    ended = _read(study, run, instance)
    if not ended.planned and not ended.failed_checks and not ended.made:
        return ()
    found = list(_checks(study, ended))
    if run.status == dg.DagsterRunStatus.FAILURE:
        found.append(_failure(study, ended))
    return (*found, *_refreshed(study, ended))


def _read(study: Study, run: dg.DagsterRun, instance: dg.DagsterInstance) -> Ended:
    records = instance.get_records_for_run(run.run_id, of_type=READ).records
    events = [one.event_log_entry.dagster_event for one in records]
    by_type: dict[dg.DagsterEventType, list[dg.DagsterEvent]] = {kind: [] for kind in READ}
    for event in events:
        if event is not None:
            by_type[event.event_type].append(event)
    kind = dg.DagsterEventType
    return Ended(
        run_id=run.run_id,
        partition=run.tags.get("dagster/partition"),
        planned=tuple(_assets(study, by_type[kind.ASSET_MATERIALIZATION_PLANNED])),
        failed_steps=tuple(event.step_key or "" for event in by_type[kind.STEP_FAILURE]),
        failed_checks=tuple(_failed(study, by_type[kind.ASSET_CHECK_EVALUATION])),
        made=_assets(study, by_type[kind.ASSET_MATERIALIZATION]),
    )


def _assets(
    study: Study, events: Sequence[dg.DagsterEvent]
) -> dict[str, dg.AssetMaterialization | None]:
    """The study's assets among the events, and what was made of each."""
    found: dict[str, dg.AssetMaterialization | None] = {}
    for event in events:
        key = event.asset_key
        if key is not None and _is_of(study, key):
            made = event.is_step_materialization
            found[key.path[-1]] = event.step_materialization_data.materialization if made else None
    return found


def _is_of(study: Study, key: dg.AssetKey) -> bool:
    return len(key.path) > 1 and key.path[0] == study.name


def _failed(study: Study, events: Sequence[dg.DagsterEvent]) -> Iterator[tuple[str, str]]:
    """Of an evaluation only the names are read: its description and metadata may quote data."""
    for event in events:
        one = event.asset_check_evaluation_data
        blocks = one.blocking and one.severity == dg.AssetCheckSeverity.ERROR
        if not one.passed and blocks and _is_of(study, one.asset_key):
            yield one.asset_key.path[-1], one.check_name


def _checks(study: Study, ended: Ended) -> Iterator[Message]:
    """One message for the gate, and one for all other checks."""
    moments: tuple[tuple[Moment, bool], ...] = (("gate_blocked", True), ("check_failed", False))
    for moment, gate in moments:
        failed = [one for one in ended.failed_checks if (one[0] == chain.REGRESSION_GATE) == gate]
        assets = {asset for asset, _ in failed}
        if failed:
            yield message(
                study.name,
                moment,
                ended.run_id,
                asset=assets.pop() if len(assets) == 1 else None,
                partition=ended.partition,
                run_id=ended.run_id,
                checks=[f"{asset}:{check}" for asset, check in failed],
                counts={"failed_checks": len(failed)},
            )


def _failure(study: Study, ended: Ended) -> Message:
    return message(
        study.name,
        "run_failed",
        ended.run_id,
        asset=ended.asset,
        partition=ended.partition,
        run_id=ended.run_id,
        counts={
            "failed_steps": len(ended.failed_steps),
            "failed_checks": len(ended.failed_checks),
        },
    )


def _refreshed(study: Study, ended: Ended) -> Iterator[Message]:
    """The last asset that follows by itself was made; one that was there already is no news."""
    refresh = study.declaration.refresh
    made = ended.made.get(refresh.follow) if refresh else None
    if refresh is None or made is None or made.metadata.get("reused") == dg.BoolMetadataValue(True):
        return
    if any(asset == refresh.follow for asset, _ in ended.failed_checks):
        return
    yield message(
        study.name,
        "refreshed",
        ended.run_id,
        asset=refresh.follow,
        partition=ended.partition,
        run_id=ended.run_id,
        version=_text(made, VERSION),
        mlflow_run_id=_mlflow_run_id(made),
        counts={"made": len(ended.made)},
    )


def _text(made: dg.AssetMaterialization, field: str) -> str | None:
    value = made.metadata.get(field)
    return a_name(value.value) if isinstance(value, dg.TextMetadataValue) else None


def _mlflow_run_id(made: dg.AssetMaterialization) -> str | None:
    value = made.metadata.get("mlflow_run")
    page = value.url if isinstance(value, dg.UrlMetadataValue) else None
    return page.split("?")[0].rpartition("/")[2] if page else None
