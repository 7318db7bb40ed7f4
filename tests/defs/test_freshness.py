"""Freshness in Dagster: a check an asset that blocks nothing, told without any run."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from alignment_dagster import chain
from alignment_dagster.defs.freshness import CHECK, check, evaluate, sensor, watched
from alignment_dagster.foundation.home import Home
from alignment_dagster.lineage.journal_lines import NewEntry
from alignment_dagster.lineage.lake import Lake
from alignment_dagster.refresh.source_looks import looks_file
from alignment_dagster.study import Study
from tests.support.tiny_study import NAME, TinyStudy

REFRESH = {
    "schedule": {"cron": "0 3 * * *"},
    "freshness": {"corpus_hours": 5.0, "report_hours": 10.0},
}


@pytest.fixture
def study(tiny: TinyStudy, tmp_path: Path) -> Study:
    """Every source was just read; there is no report."""
    tiny.change(refresh=REFRESH)
    study = tiny.load()
    for source in study.sources:
        journal = Lake(tmp_path / "home" / "lake").journal(NAME)
        journal.append(NewEntry(chain.RAW_CORPUS, source.name, "v", "d", "r", "run", False))
    return study


def tick(study: Study, instance: dg.DagsterInstance, cursor: str | None) -> dg.SensorResult:
    with dg.build_sensor_context(instance=instance, cursor=cursor) as context:
        result = sensor(study)(context)
    assert isinstance(result, dg.SensorResult)
    assert not result.run_requests
    for event in result.asset_events:
        instance.report_runless_asset_event(event)
    return result


def test_only_what_is_declared_is_watched_and_nothing_of_it_blocks(
    study: Study, tiny: TinyStudy
) -> None:
    assert [(one.asset, one.limit) for one in watched(study)] == [
        (chain.RAW_CORPUS, 5.0), ("eval_report", 10.0)
    ]  # fmt: skip
    (spec,) = check(next(watched(study))).check_specs
    assert (spec.name, spec.blocking) == (CHECK, False)
    tiny.change(refresh={"schedule": REFRESH["schedule"]})
    assert not list(watched(tiny.load()))


def test_a_check_names_the_stale_partitions_and_warns(study: Study) -> None:
    corpus = next(watched(study))
    now = datetime.now(UTC)
    assert evaluate(corpus, now)[0].passed
    result, stale = evaluate(corpus, now + timedelta(hours=6))
    assert stale == [source.name for source in study.sources]
    assert not result.passed
    assert result.severity == dg.AssetCheckSeverity.WARN
    assert "stories (6.0, read)" in str(result.description)
    assert "| stories | 6" in result.metadata["ages"].value  # type: ignore[operator]


def test_the_sensor_tells_an_outcome_once_and_again_when_it_changes(
    study: Study, tmp_path: Path
) -> None:
    instance = dg.DagsterInstance.ephemeral()
    first = tick(study, instance, None)
    told = {event.asset_key.path[-1]: event.passed for event in first.asset_events}  # type: ignore[union-attr]
    assert told == {chain.RAW_CORPUS: True, "eval_report": False}
    assert not tick(study, instance, first.cursor).asset_events
    path = looks_file(Home(tmp_path / "home"), NAME)
    path.parent.mkdir(parents=True)
    path.write_text("no look\n")
    again = tick(study, instance, first.cursor)
    (event,) = again.asset_events
    assert isinstance(event, dg.AssetCheckEvaluation)
    assert not event.passed
    assert "line 1 is no look at a source" in str(event.description)
    assert json.loads(str(again.cursor)).keys() == {chain.RAW_CORPUS, "eval_report"}
    key = dg.AssetCheckKey(dg.AssetKey([NAME, chain.RAW_CORPUS]), CHECK)
    (record,) = instance.event_log_storage.get_asset_check_execution_history(key, limit=1)
    assert record.event is not None
    assert record.event.asset_check_evaluation is not None  # type: ignore[union-attr]
