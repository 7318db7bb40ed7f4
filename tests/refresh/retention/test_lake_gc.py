"""`alignment lake gc` on a study that was really run: what stays answers as it did before."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import dagster as dg
import pytest

from alignment_dagster.audit.check import check_study
from alignment_dagster.audit.diff import compare
from alignment_dagster.audit.metrics import find_metric
from alignment_dagster.audit.open_report import open_report
from alignment_dagster.audit.trace.answer import trace_as_answer
from alignment_dagster.audit.trace.metric_trace import trace_metric
from alignment_dagster.foundation.errors import AlignmentError, ArtifactError
from alignment_dagster.graph.instance import open_instance
from alignment_dagster.graph.stale_reasons import StaleReasons
from alignment_dagster.lineage.archive import REPORT, Archive
from alignment_dagster.lineage.lake import Artifact
from alignment_dagster.lineage.locks import run_lock
from alignment_dagster.lineage.tombstone import is_collected
from alignment_dagster.refresh.retention.collect import collect_garbage
from alignment_dagster.steps.registry import STEPS
from tests.support.audited_study import Audited
from tests.support.collected_lake import state
from tests.support.served_pages import page
from tests.support.tiny_study import CLAIM, MEASURED, NAME

pytestmark = pytest.mark.slow
METRIC = "articles/dpo/unfiltered"
REFRESH = {"schedule": {"cron": "0 3 * * *"}, "retention": {"reports": 1, "days": 0}}
BACK = {"claims": MEASURED["claims"], "limits": []}


@dataclass
class Refreshed:
    """The study, its first report, and the answers about the current one before anything went."""

    made: Audited
    first: Artifact
    before: tuple[Any, Any]


@pytest.fixture(scope="module")
def refreshed(audited: Audited, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Refreshed]:
    """A second report, made after the declaration was edited."""
    made = audited.copy(tmp_path_factory.mktemp("gc") / "refreshed")
    first = made.archive.report()
    made.study.change(refresh=REFRESH, limits=["Small."], claims=[CLAIM])
    done = made.command("run", NAME, "--from", REPORT)
    assert done.returncode == 0, done.stderr
    with pytest.MonkeyPatch.context() as patch:
        for name in ("ALIGNMENT_ASSETS", "ALIGNMENT_DATA", "ALIGNMENT_HOME"):
            patch.setenv(name, made.environment[name])
        yield Refreshed(made, first, answers(made.archive))


def answers(archive: Archive) -> tuple[Any, Any]:
    """What the audit says of the current report."""
    with open_report(archive) as opened:
        traced = trace_as_answer(trace_metric(opened, find_metric(opened, METRIC))).data
    return traced, compare(archive, "unfiltered", "aligned").data


def closed(made: Audited) -> list[str]:
    report = check_study(made.archive, made.home, today=StaleReasons(made.study.load(), STEPS))
    return [f"{gap.subject}: {gap.message}" for gap in report.gaps]


def gc(made: Audited, *, delete: bool) -> Any:
    return collect_garbage(made.study.load(), delete=delete).data


def test_a_dry_run_on_the_command_line_says_what_would_go_and_writes_nothing(
    refreshed: Refreshed,
) -> None:
    before = state(refreshed.made.home.root)
    done = refreshed.made.command("lake", "gc", NAME, "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert [one["artifact"] for one in told["collected"]] == [refreshed.first.label]
    assert told["freed"] == sum(refreshed.first.manifest.sizes.values())
    assert not told["deleted"]
    assert state(refreshed.made.home.root) == before


def test_it_is_refused_while_a_run_of_the_study_goes_on(refreshed: Refreshed) -> None:
    made = refreshed.made
    with run_lock(made.home, NAME), pytest.raises(AlignmentError, match="process"):
        gc(made, delete=True)
    with made.archive.lake.shared_lock(NAME), pytest.raises(AlignmentError, match="is being made"):
        gc(made, delete=True)
    with open_instance(made.home) as instance:
        run = dg.DagsterRun(job_name="by_hand", status=dg.DagsterRunStatus.STARTED)
        instance.add_run(run)
        with pytest.raises(AlignmentError, match=f"run {run.run_id} is STARTED"):
            gc(made, delete=True)
        assert gc(made, delete=False)["running"] == {run.run_id: "STARTED"}
        instance.delete_run(run.run_id)
    assert not is_collected(refreshed.first.path)


def test_what_was_collected_is_on_record_and_what_stayed_answers_as_before(
    refreshed: Refreshed,
) -> None:
    made, first = refreshed.made, refreshed.first
    assert [one["artifact"] for one in gc(made, delete=True)["collected"]] == [first.label]
    assert closed(made) == []
    assert answers(made.archive) == refreshed.before
    with pytest.raises(ArtifactError, match="was collected as garbage on"):
        compare(made.archive, "previous", "current")
    with (
        pytest.raises(ArtifactError, match="was collected"),
        open_report(made.archive, first.version),
    ):
        pass
    shown = page(made.home, f"/{NAME}/{REPORT}/all/{first.version}")
    assert shown.status == 200
    assert "was collected as garbage on" in shown.html
    assert page(made.home, f"/{NAME}").status == 200
    report = page(made.home, f"/{NAME}/{REPORT}/all/{first.version}/report")
    assert "was collected as garbage on" in report.html


def test_going_back_makes_the_collected_report_anew_with_the_same_numbers(
    refreshed: Refreshed,
) -> None:
    made, first = refreshed.made, refreshed.first
    gc(made, delete=True)
    assert is_collected(first.path)
    made.study.change(**BACK)
    done = made.command("run", NAME, "--from", REPORT)
    assert done.returncode == 0, done.stderr
    anew = made.archive.report()
    unlike = {name for name, digest in first.manifest.files.items()
              if anew.manifest.files[name] != digest}  # fmt: skip
    assert unlike == set()
    assert closed(made) == []
    assert len(gc(made, delete=True)["collected"]) == 1
    assert closed(made) == []
