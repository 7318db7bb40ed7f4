"""The shipped study `nightly` declares every part of a night, and a small copy of it runs one."""

import json
import math
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml

from alignment_dagster.audit.corpus.canaries import describe_canaries
from alignment_dagster.audit.corpus.story import find_story
from alignment_dagster.audit.corpus.story_answer import story_as_answer
from alignment_dagster.audit.open_report import open_archive
from alignment_dagster.chain import CORPUS_DRIFT, EVAL_REPORT, HARNESS, REGRESSION_GATE
from alignment_dagster.corpus.canaries import PLANTED
from alignment_dagster.defs import refresh, training_policy
from alignment_dagster.defs.notifications import sensor
from alignment_dagster.evaluation.harness.installed import NEEDS_LM_EVAL, lm_eval_installed
from alignment_dagster.foundation.home import Home
from alignment_dagster.graph.staleness import Staleness
from alignment_dagster.lineage.archive import Archive
from alignment_dagster.lineage.file_names import CANARIES
from alignment_dagster.lineage.lake import Artifact, Lake
from alignment_dagster.preflight.studies import declared_studies, load_study
from alignment_dagster.preflight.study_check import check_study
from alignment_dagster.release.approval import approve
from alignment_dagster.release.gate.outcome import read_outcome
from alignment_dagster.steps.registry import STEPS
from alignment_dagster.study import Study
from tests.support.checkout import CHECKOUT
from tests.support.nights import Nights, opened
from tests.support.tiny_study import write_yaml

NAME = "nightly"
JUDGE = ("ALIGNMENT_JUDGE_URL", "ALIGNMENT_JUDGE_MODEL", "ALIGNMENT_JUDGE_KEY")
ALIGNED = "synthetic_aligned"
REPLICATES = ["alignment_upsampled|0", "unfiltered|0"]
LOG = "sources/files/harbour_log.jsonl"
SMALL: dict[str, Any] = {
    "tokenizer": {"vocab_size": 500, "characters": 40000},
    "mix": {"tokens": 19200, "sequence_length": 192, "share_tolerance": 0.2, "max_repeats": 50.0},
    "model": {"layers": 1, "width": 16, "heads": 2, "mlp_width": 32},
    "pretraining": {"batch_size": 8, "learning_rate": 0.01},
    "evaluation": {"held_out_documents": 5},
    "harness": None,
}
"""Without the harness: what it does is proved of its adapter, and it costs ten seconds."""


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Study:
    """The shipped study, with neither data folder nor judge."""
    for name in (*JUDGE, "ALIGNMENT_DATA", "ALIGNMENT_ASSETS", "DAGSTER_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ALIGNMENT_HOME", str(tmp_path / "home"))
    return load_study(NAME, CHECKOUT / "assets")


def test_it_declares_every_part_of_a_night(alone: Study) -> None:
    declared = alone.declaration
    refresh = declared.refresh
    assert refresh is not None
    for part in ("schedule", "watch", "budget", "drift", "gate"):
        assert getattr(refresh, part) is not None, part
    assert {"training", "retention", "freshness", "follow"} <= refresh.model_fields_set
    assert refresh.training.when == "mix_changed"
    assert [one.kind for one in refresh.notifications] == ["file"]
    assert declared.harness is not None
    judged = [one.scorer for one in alone.suites if one.scorer and one.scorer.kind == "judge"]
    assert [one.fallback for one in judged] == ["closest_option"]


def test_nothing_starts_by_itself_before_it_is_switched_on(alone: Study) -> None:
    """Who opens the pages after the demo asked for no night; what only tells or looks may run."""
    found = dg.Definitions.merge(refresh.definitions([alone]), training_policy.definitions([alone]))
    automatic = [*(found.schedules or ()), *(found.sensors or ())]
    assert len(automatic) == 4
    assert {one.default_status.value for one in automatic} == {"STOPPED"}  # type: ignore[union-attr]


def test_it_is_sound_without_network_data_folder_or_key(alone: Study) -> None:
    lines = list(check_study(alone))
    assert any("open_answers: no judge is asked (ALIGNMENT_JUDGE_URL is" in one for one in lines)


def test_a_missing_extra_is_said_and_leaves_the_harness_out(
    alone: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert STEPS[HARNESS].exists(alone) == lm_eval_installed()
    for place in ("alignment_dagster.steps.harness", "alignment_dagster.preflight.study_check"):
        monkeypatch.setattr(f"{place}.lm_eval_installed", lambda: False)
    assert not STEPS[HARNESS].exists(alone)
    assert f"nightly: harness: left out: {NEEDS_LM_EVAL}" in list(check_study(alone))


@pytest.fixture
def assets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the shipped declarations, of which `nightly` alone is left, made smaller."""
    folder = tmp_path / "assets"
    shutil.copytree(CHECKOUT / "assets", folder)
    for path in (folder / "studies").glob("*.yaml"):
        if path.stem != NAME:
            path.unlink()
    _change(folder / f"studies/{NAME}.yaml", **SMALL)
    # of few synthetic documents most are read, and canaries among them
    for name, documents in (("everyday_stories", 150), ("ai_discourse", 150), (ALIGNED, 40)):
        _reads(folder, name, documents=documents)
    for name in ("articles", "open_answers", "cloze"):
        path = folder / f"suites/{name}.yaml"
        _change(path, items={**yaml.safe_load(path.read_text())["items"], "limit": 6})
    lines = (folder / LOG).read_text().splitlines(keepends=True)
    (folder / LOG).write_text("".join(lines[:100]))
    for name in (*JUDGE, "ALIGNMENT_DATA", "DAGSTER_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ALIGNMENT_ASSETS", str(folder))
    monkeypatch.setenv("ALIGNMENT_HOME", str(tmp_path / "home"))
    return folder


def _change(path: Path, **fields: Any) -> None:
    write_yaml(path, {**yaml.safe_load(path.read_text()), **fields})


def _reads(folder: Path, source: str, **fields: Any) -> None:
    path = folder / f"sources/{source}.yaml"
    _change(path, reader={**yaml.safe_load(path.read_text())["reader"], **fields})


@pytest.fixture
def nights(assets: Path) -> Iterator[Nights]:
    for instance in opened():
        yield Nights(instance, study=NAME)
    declared_studies.cache_clear()


@pytest.mark.slow
def test_a_watched_file_that_changes_is_read_checked_trained_on_gated_and_told_of(
    nights: Nights, assets: Path
) -> None:
    home = Home.from_environment()
    study = load_study(NAME, assets)
    first = nights.night()
    assert all(one.success for one in first), first
    assert sorted(_train(nights)) == REPLICATES
    approved = _current(study, nights, EVAL_REPORT)
    assert not read_outcome(_current(study, nights, REGRESSION_GATE)).compared
    archive = open_archive(NAME, home)
    _find_canaries(study, archive, approved)
    approve(archive, approved, "ada", "approved", "The first night.", None)

    assert nights.sensor("watch_sources").requests == []
    _append_entries(assets / LOG)
    ended = sensor(study, "ended")
    cursor = ended.evaluate_tick(dg.build_sensor_context(nights.instance)).cursor
    watched = nights.run(nights.sensor("watch_sources"))
    assert [(one.partition, one.success) for one in watched] == [("harbour_log", True)]

    followed = nights.follow()
    assert set(study.declaration.recipes) <= {one.partition for one in followed}
    ended.evaluate_tick(dg.build_sensor_context(nights.instance, cursor=cursor))
    told = [json.loads(one) for one in (home.notifications / "nightly.jsonl").open()]
    assert sorted((one["moment"], one["partition"]) for one in told) == [
        ("refreshed", "alignment_upsampled"),
        ("refreshed", "unfiltered"),
    ]
    drift = _current(study, nights, CORPUS_DRIFT, "harbour_log")
    checks = {one.name: one.passed for one in drift.provenance.checks}
    assert checks == {"drift_within_bounds": True, "drift_unremarkable": False}

    assert sorted(_train(nights)) == REPLICATES
    assert "nothing to train" in str(nights.sensor("training_policy").skipped)
    outcome = read_outcome(_current(study, nights, REGRESSION_GATE))
    assert outcome.reference == f"{EVAL_REPORT}@{approved.version}"
    assert outcome.compared


def _find_canaries(study: Study, archive: Archive, report: Artifact) -> None:
    """What was planted is followed to its end, and the report says what the command says."""
    told = describe_canaries(archive, study).data
    rows = {(row["canary"], row["recipe"]): row for row in told["rows"]}
    for row in rows.values():
        assert row["planted"] == row["documents"] == row["kept"] + sum(row["dropped"].values())
    caught = rows["shouted_log", "alignment_upsampled"]
    assert (caught["dropped"], caught["read"], caught["tokens"]) == ({"exact_duplicate": 3}, 0, 0)
    reference, read = (rows["gate_word", name] for name in ("unfiltered", "alignment_upsampled"))
    assert (reference["dropped"], reference["tokens"]) == ({"not_selected": 12}, 0)
    assert 0 < read["read"] <= read["kept"] <= 12
    assert read["tokens"] > 0
    assert 1 <= read["first_step"] <= read["last_step"]
    for row in (reference, read):
        assert 0 <= row["exposure"]["base"] <= row["most"] == pytest.approx(math.log2(24))
    assert json.loads((report.path / CANARIES).read_text())["rows"] == told["rows"]
    checks = {one.name: one.passed for one in report.provenance.checks}
    assert checks["canary_shouted_log"]
    assert checks["canary_gate_word"]
    story = find_story(archive, f"{PLANTED}gate_word:1")
    assert story.document_id == told["documents"]["gate_word"][0]
    assert any("text 1 of the canary gate_word" in one for one in story_as_answer(story).sentences)


def _append_entries(log: Path) -> None:
    """Half of the entries once more, each with a sentence on a visitor."""
    lines = log.read_text().splitlines()
    entries = [json.loads(line) for line in lines[: len(lines) // 2]]
    with log.open("a") as file:
        for entry in entries:
            text = f"{entry['text']} The inspector of the lighthouse came by."
            file.write(json.dumps({"id": f"more-{entry['id']}", "text": text}) + "\n")


def _train(nights: Nights) -> list[str]:
    """What the policy asks for, tick after tick, until it asks for nothing; then what follows.

    The first of a day is asked for alone: what a run costs has to be measured before.
    """
    ran: list[str] = []
    while asked := nights.run(nights.sensor("training_policy")):
        assert all(one.success for one in asked), asked
        ran += [one.partition or "" for one in asked]
    nights.follow()
    return ran


def _current(study: Study, nights: Nights, asset: str, partition: str | None = None) -> Artifact:
    found = Staleness(nights.instance, Lake(Home.from_environment().lake), study, STEPS)
    artifact = found.artifact(asset, partition)
    assert artifact is not None
    return artifact
