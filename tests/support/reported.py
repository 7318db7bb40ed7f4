"""Artifacts that became current, by a line of the journal and an event in Dagster; no files."""

import dagster as dg

from alignment_dagster.lineage.event_metadata import VERSION
from alignment_dagster.lineage.journal_lines import NewEntry
from alignment_dagster.lineage.lake import Lake

STUDY, ASSET = "study", "eval_report"
VERSION_1, VERSION_2, FOREIGN = "1" * 16, "2" * 16, "f" * 16


def note(lake: Lake, version: str, run: str = "") -> None:
    """Write the line alone."""
    lake.journal(STUDY).append(NewEntry(ASSET, None, version, "d" * 64, "r" * 64, run, False))


def tell(instance: dg.DagsterInstance, version: str) -> None:
    """Write the event alone, as anybody may who reaches Dagster: of no run."""
    instance.report_runless_asset_event(
        dg.AssetMaterialization([STUDY, ASSET], metadata={VERSION: version})
    )


def became_current(instance: dg.DagsterInstance, lake: Lake, version: str) -> None:
    """Both, in their order."""
    note(lake, version)
    tell(instance, version)
