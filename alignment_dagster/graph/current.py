"""What is current: the journal says so. Dagster's newest event may be a step behind, never ahead.

Anybody who reaches Dagster may add an event there; a line of the journal is written by a holder of
the key alone.
"""

from dataclasses import dataclass

import dagster as dg

from alignment_dagster.foundation.errors import ArtifactError
from alignment_dagster.lineage.event_metadata import VERSION, event_name
from alignment_dagster.lineage.journal_history import History
from alignment_dagster.lineage.lake import Lake
from alignment_dagster.lineage.partition_keys import Partition, partition_label


@dataclass(frozen=True)
class Current:
    """The version of a partition that the journal says became current last."""

    version: str
    reported: bool
    """Whether Dagster's newest event is of that line: not where a run was killed between the two,
    or Dagster's records are lost. Then it is reported again."""


@dataclass(frozen=True)
class _Event:
    """The newest materialization of a partition."""

    name: str
    version: str
    run: str

    def is_known(self, history: History, asset: str, partition: Partition) -> bool:
        """Whether a line of the journal stands for it, or a person knows that none does."""
        return self.name in history.acknowledged or any(
            (one.version, one.dagster_run_id) == (self.version, self.run)
            for one in history.entries(asset, partition)
        )


def find_current(
    instance: dg.DagsterInstance, lake: Lake, study: str, asset: str, partition: Partition
) -> Current | None:
    """What is current of a partition; None before the first.

    Raises:
        ArtifactError: if the journal does not hold, or Dagster's newest event is none that a line
            of it stands for: names both.
    """
    event = _newest(instance, study, asset, partition)
    journal = lake.journal(study)
    history = journal.history()
    if event is not None and not event.is_known(history, asset, partition):
        journal.catch_up()  # another machine may have written the line just now
        history = journal.history()
        if not event.is_known(history, asset, partition):
            raise ArtifactError(_contradiction(study, asset, partition, history, event))
    entry = history.current(asset, partition)
    if entry is None:
        return None
    told = (event.version, event.run) if event else None
    return Current(entry.version, told == (entry.version, entry.dagster_run_id))


def current_version(
    instance: dg.DagsterInstance, lake: Lake, study: str, asset: str, partition: Partition
) -> str | None:
    """The version of what is current; None before the first.

    Raises:
        ArtifactError: as `find_current`.
    """
    found = find_current(instance, lake, study, asset, partition)
    return found.version if found else None


def _newest(
    instance: dg.DagsterInstance, study: str, asset: str, partition: Partition
) -> _Event | None:
    """Of exactly that partition: Dagster's own pointer names the last one whatever it is of."""
    wanted = dg.AssetRecordsFilter(
        asset_key=dg.AssetKey([study, asset]), asset_partitions=[partition] if partition else None
    )
    records = instance.fetch_materializations(wanted, limit=1).records
    made = records[0].asset_materialization if records else None
    if made is None:
        return None
    value = made.metadata.get(VERSION)
    version = str(value.value) if value is not None else ""
    record = records[0]
    name = event_name(asset, partition, version, record.run_id, record.timestamp)
    return _Event(name, version, record.run_id)


def _contradiction(
    study: str, asset: str, partition: Partition, history: History, event: _Event
) -> str:
    entry = history.current(asset, partition)
    says = f"{entry.version} is current (line {entry.number})" if entry else "nothing is"
    run = f"of run {event.run}" if event.run else "of no run"
    return (
        f"{study}: {partition_label(asset, partition)}: the journal says that {says}, and "
        f"Dagster's newest event, {run}, names {event.version!r}, of which the journal has no "
        f"line. Look at it (alignment audit check {study}); where nothing else is wrong: "
        f"alignment audit acknowledge {study} --note WHY"
    )
