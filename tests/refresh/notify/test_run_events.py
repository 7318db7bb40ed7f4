"""Runs that really end are told of by the real sensors: names and numbers, never what they held."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from alignment_dagster.defs.notifications import sensor
from alignment_dagster.graph.run_tags import COMMAND, STARTED_BY
from alignment_dagster.study import Study
from tests.support.notifying_lines import FILE, WEBHOOK, everything_written, failed, lines
from tests.support.notifying_servers import hook

Telling = Callable[..., Study]
HOSTILE = "<script>steal()</script> Ann told a lie near the harbour"
TOKEN = "https://hooks.example.org/T000/canary-token"


def world(study: str, passed: bool = True, broken: bool = False, **fields: Any) -> dg.Definitions:
    """Two assets of a study: a check that quotes a document, and a step that quotes a secret."""
    key = dg.AssetKey([study, fields.get("asset", "scored_corpus")])
    names = fields.get("checks", ("scores_in_range",))
    specs = [dg.AssetCheckSpec(name, asset=key, blocking=True) for name in names]

    @dg.asset(key=key, check_specs=specs)
    def scored_corpus() -> dg.MaterializeResult:  # type: ignore[type-arg]
        results = [
            dg.AssetCheckResult(
                passed=passed,
                check_name=name,
                description=HOSTILE,
                metadata={"found": HOSTILE, "where": dg.MetadataValue.md(HOSTILE)},
            )
            for name in names
        ]
        told = {"artifact_version": "0123456789abcdef", "reused": fields.get("reused", False)}
        return dg.MaterializeResult(metadata={**told, "rows": HOSTILE}, check_results=results)

    @dg.asset(key=dg.AssetKey([study, "curated_mix"]))
    def curated_mix() -> None:
        if broken:
            raise dg.Failure(description=f"{HOSTILE} {TOKEN}")

    return dg.Definitions(assets=[scored_corpus, curated_mix])


@pytest.fixture(scope="module")
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.local_temp() as temporary:
        yield temporary


class Watcher:
    """The two sensors of a study, evaluated as the daemon does it."""

    def __init__(self, study: Study, instance: dg.DagsterInstance) -> None:
        self.instance = instance
        self.sensors = [sensor(study, which) for which in ("failed", "ended")]
        self.cursors: list[str | None] = [None, None]
        self.look()

    def look(self) -> None:
        for number, one in enumerate(self.sensors):
            context = dg.build_sensor_context(self.instance, cursor=self.cursors[number])
            self.cursors[number] = one.evaluate_tick(context).cursor


def run(definitions: dg.Definitions, instance: dg.DagsterInstance, **tags: str) -> bool:
    job = definitions.resolve_implicit_global_asset_job_def()
    done = job.execute_in_process(instance=instance, raise_on_error=False, tags=tags)
    return bool(done.success)


def told(home: Path) -> list[dict[str, Any]]:
    return lines(home / "notifications" / "notifications.jsonl")


def test_a_failed_check_and_a_failed_run_are_told_once_without_what_they_held(
    telling: Telling, home: Path, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = telling(FILE, WEBHOOK)
    with hook() as server:
        monkeypatch.setenv("TEST_HOOK", server.url())
        watcher = Watcher(study, instance)
        start = list(watcher.cursors)
        assert not run(world("tiny", passed=False, broken=True), instance)
        watcher.look()
        watcher.cursors = start  # the daemon was killed before it noted how far it had come
        watcher.look()
    by_moment = {one["moment"]: one for one in told(home)}
    assert len(told(home)) == len(server.posted) == len(by_moment) == 2
    assert by_moment["check_failed"]["checks"] == ["scored_corpus:scores_in_range"]
    assert by_moment["check_failed"]["asset"] == "scored_corpus"
    assert by_moment["run_failed"]["counts"]["failed_checks"] == 1
    sent = b"".join(server.bodies) + everything_written(home)
    for secret in ("script", "harbour", "canary"):
        assert secret.encode() not in sent


def test_the_asset_that_failed_is_named(
    telling: Telling, home: Path, instance: dg.DagsterInstance
) -> None:
    watcher = Watcher(telling(FILE), instance)
    assert not run(world("tiny", broken=True), instance)
    watcher.look()
    (one,) = told(home)
    assert (one["moment"], one["asset"]) == ("run_failed", "curated_mix")
    assert one["links"]["run"].endswith(one["run_id"])


def test_a_gate_that_blocks_is_told_as_such(
    telling: Telling, home: Path, instance: dg.DagsterInstance
) -> None:
    watcher = Watcher(telling({**FILE, "moments": ["gate_blocked", "check_failed"]}), instance)
    run(world("tiny", passed=False, asset="regression_gate", checks=("no_regression",)), instance)
    watcher.look()
    assert [one["moment"] for one in told(home)] == ["gate_blocked"]


def test_what_was_made_anew_is_told_and_what_was_there_already_is_not(
    telling: Telling, home: Path, instance: dg.DagsterInstance
) -> None:
    watcher = Watcher(telling(FILE, follow="scored_corpus"), instance)
    assert run(world("tiny", reused=True), instance)
    watcher.look()
    assert told(home) == []
    assert run(world("tiny"), instance)
    watcher.look()
    (one,) = told(home)
    assert (one["moment"], one["asset"]) == ("refreshed", "scored_corpus")
    assert one["links"]["audit"].endswith("/tiny/scored_corpus/all/0123456789abcdef")


def test_runs_of_another_study_are_not_told(
    telling: Telling, home: Path, instance: dg.DagsterInstance
) -> None:
    watcher = Watcher(telling(FILE, follow="scored_corpus"), instance)
    run(world("other"), instance)
    run(world("other", passed=False, broken=True), instance)
    watcher.look()
    assert not home.exists()


def test_what_the_command_runs_is_told_at_its_terminal_alone(
    telling: Telling, home: Path, instance: dg.DagsterInstance
) -> None:
    watcher = Watcher(telling(FILE, follow="scored_corpus"), instance)
    run(world("tiny", passed=False, broken=True), instance, **{STARTED_BY: COMMAND})
    watcher.look()
    assert not home.exists()


def test_a_channel_that_fails_does_not_fail_the_sensor(
    telling: Telling, home: Path, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TEST_HOOK", raising=False)
    watcher = Watcher(telling(WEBHOOK), instance)
    run(world("tiny", broken=True), instance)
    watcher.look()
    assert [line["reason"] for line in failed(home)] == ["TEST_HOOK is not set"]
