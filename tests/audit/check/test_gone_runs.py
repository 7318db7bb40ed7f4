"""What is lost in Dagster, or added there, stops nothing for ever: the journal says what is so."""

import shutil

import dagster as dg
import pytest

from alignment_dagster.audit.check import CheckReport, check_study
from alignment_dagster.foundation.home import DATA_VARIABLE
from alignment_dagster.graph.instance import open_instance
from alignment_dagster.graph.stale_reasons import StaleReasons
from alignment_dagster.lineage.event_metadata import VERSION
from alignment_dagster.steps.registry import STEPS
from tests.support.audited_study import Audited
from tests.support.tiny_study import MEASURED, NAME

pytestmark = pytest.mark.slow
FOREIGN = "f" * 16


def check(made: Audited, monkeypatch: pytest.MonkeyPatch) -> CheckReport:
    monkeypatch.setenv(DATA_VARIABLE, str(made.study.data))
    return check_study(made.archive, made.home, today=StaleReasons(made.study.load(), STEPS))


def messages(report: CheckReport) -> str:
    return "\n".join(f"{gap.subject}: {gap.message}" for gap in report.gaps)


def command(made: Audited, *arguments: str) -> str:
    done = made.command(*arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_run_deleted_in_dagster_is_reported_again_and_the_next_report_is_made(
    altered: Audited, monkeypatch: pytest.MonkeyPatch
) -> None:
    metrics = altered.archive.current("metrics", None)
    run = str(metrics.provenance.dagster_run_id)
    with open_instance(altered.home) as instance:
        instance.delete_run(run)
    assert f"run {run}, which reported it, is gone" in messages(check(altered, monkeypatch))
    before = altered.archive.report().version
    altered.study.change(claims=MEASURED["claims"][:1])
    command(altered, "run", NAME)
    assert altered.archive.report().version != before
    report = check(altered, monkeypatch)
    assert report.closed, messages(report)
    assert any("reported again since" in note for note in report.notes)


def test_an_event_that_anybody_added_is_refused_by_name_until_it_is_acknowledged(
    altered: Audited, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = altered.archive.report()
    forged = dg.AssetMaterialization([NAME, "eval_report"], metadata={VERSION: FOREIGN})
    with open_instance(altered.home) as instance:
        instance.report_runless_asset_event(forged)
    done = altered.command("run", NAME)
    assert done.returncode != 0
    said = " ".join((done.stdout + done.stderr).split())
    assert report.version in said
    assert FOREIGN in said
    assert f"audit acknowledge {NAME}" in said
    told = command(altered, "audit", "acknowledge", NAME, "--note", "A trial of ours.")
    assert "of eval_report is none that the journal has a line for" in told
    command(altered, "run", NAME)
    assert altered.archive.report().version == report.version
    assert check(altered, monkeypatch).closed
    again = altered.command("audit", "acknowledge", NAME, "--note", "Again.")
    assert "nothing to acknowledge" in again.stderr


def test_after_the_loss_of_dagsters_database_one_command_and_a_run_close_the_study(
    altered: Audited, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.rmtree(altered.home.dagster / "history")
    assert "is gone, and so is its event" in messages(check(altered, monkeypatch))
    made = altered.archive.keys
    command(altered, "audit", "acknowledge", NAME, "--note", "The disk broke.")
    report = check(altered, monkeypatch)
    assert report.closed, messages(report)
    assert any("The disk broke." in note for note in report.notes)
    command(altered, "run", NAME)
    assert altered.archive.keys == made
    assert check(altered, monkeypatch).closed
