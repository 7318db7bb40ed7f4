"""Exporting a checkpoint: whole, verified, and only with the approval that a study requires."""

import json
import re
import shutil
from pathlib import Path

import pytest
import yaml

from alignment_dagster.audit.review_nodes import how_to_review
from alignment_dagster.foundation.digests import sha256_file
from alignment_dagster.lineage.lake import Artifact
from tests.support.audited_study import Audited
from tests.support.tiny_study import NAME

pytestmark = pytest.mark.slow

REPLICATE = ("--recipe", "aligned", "--seed", "1")


def export(altered: Audited, folder: Path, *more: str) -> tuple[int, str]:
    done = altered.command("export", NAME, str(folder), *REPLICATE, *more)
    assert "Traceback" not in done.stderr
    return done.returncode, " ".join((done.stdout + done.stderr).split())


def decide(altered: Audited, decision: str, reviewer: str = "ann") -> str:
    version = altered.archive.report().version
    how = ("--reviewer", reviewer, "--decision", decision, "--note", "A note.")
    done = altered.command("audit", "approve", NAME, version, *how)
    assert done.returncode == 0, done.stderr
    (key,) = re.findall("signed with key ([0-9a-f]{64})", done.stdout)
    return key


def refused(altered: Audited, folder: Path, *words: str) -> None:
    code, said = export(altered, folder, "--checkpoint", "dpo")
    assert code == 2
    for word in words:
        assert word in said
    assert not list(folder.parent.glob(f"*{folder.name}*"))


@pytest.fixture
def gated(altered: Audited) -> Audited:
    altered.study.change(approval="required")
    return altered


def checkpoint(altered: Audited) -> Artifact:
    return altered.archive.find("post_trained_checkpoint[aligned,1]")


def test_a_checkpoint_comes_whole_with_its_card_and_its_signed_records(
    altered: Audited, tmp_path: Path
) -> None:
    from transformers import AutoModelForCausalLM

    folder = tmp_path / "exported"
    code, said = export(altered, folder, "--checkpoint", "dpo", "--checkpoint", "base")
    assert code == 0, said
    artifact = checkpoint(altered)
    place = folder / "checkpoint" / "dpo"
    for name, digest in artifact.manifest.files.items():
        if name.startswith("dpo/"):
            assert sha256_file(place / name.removeprefix("dpo/")) == digest
    for name in ("statement.json", "manifest.json", "provenance.json"):
        assert (place / "record" / name).read_bytes() == (artifact.path / name).read_bytes()
    card = (place / "README.md").read_text()
    assert artifact.label in card.replace("\\|", "|")
    assert artifact.manifest.files["dpo/model.safetensors"] in card
    (only,) = yaml.safe_load(card.split("---\n")[1])["model-index"]
    assert only["name"] == "tiny-aligned-seed-1-dpo"
    assert AutoModelForCausalLM.from_pretrained(place).config.vocab_size == 400
    assert (folder / "checkpoint" / "base" / "model.safetensors").is_file()
    assert not (folder / "checkpoint" / "sft").exists()
    assert (folder / "tasks").is_dir()
    assert (folder / "logs").is_dir()


def test_without_an_approval_nothing_is_written_and_the_command_is_named(
    gated: Audited, tmp_path: Path
) -> None:
    report = gated.archive.report()
    words = (report.label, "nobody has reviewed it", how_to_review(NAME, report))
    refused(gated, tmp_path / "exported", *words)


def test_what_a_reviewer_reads_needs_no_approval(gated: Audited, tmp_path: Path) -> None:
    code, said = export(gated, tmp_path / "exported")
    assert code == 0, said
    assert not (tmp_path / "exported" / "checkpoint").exists()


def test_the_last_decision_opens_and_closes_the_gate_and_closes_it_too_when_taken_out(
    gated: Audited, tmp_path: Path
) -> None:
    decide(gated, "approved")
    code, said = export(gated, tmp_path / "first", "--checkpoint", "dpo")
    assert code == 0, said
    assert "approved by ann" in (tmp_path / "first/checkpoint/dpo/README.md").read_text()
    decide(gated, "rejected")
    refused(gated, tmp_path / "second", "ann rejected it on", "(A note.)")
    version = gated.archive.report().version
    (gated.lake / "reviews" / version / "0002.json").unlink()
    refused(gated, tmp_path / "third", "0002.json", "the journal was told of it")


def test_only_the_keys_that_a_study_names_open_the_gate(gated: Audited, tmp_path: Path) -> None:
    decide(gated, "rejected")
    key = decide(gated, "rejected", "ben")
    gated.study.change(approval={"by": [key]})
    decide(gated, "approved", "never_heard_of")
    words = ("ben rejected it", "no key of approval.by signed what ann, never_heard_of decided")
    refused(gated, tmp_path / "first", *words)
    decide(gated, "approved", "ben")
    code, said = export(gated, tmp_path / "second", "--checkpoint", "dpo")
    assert code == 0, said


def test_nothing_is_approved_without_saying_what(gated: Audited) -> None:
    how = ("--reviewer", "ann", "--decision", "approved", "--note", "n")
    done = gated.command("audit", "approve", NAME, *how)
    assert done.returncode == 2
    assert gated.archive.report().version in done.stderr
    assert not (gated.lake / "reviews").exists()


def test_what_was_altered_behind_an_evaluation_stops_every_export(
    altered: Audited, tmp_path: Path
) -> None:
    mix = altered.archive.current("curated_mix", "aligned")
    (mix.path / "spans.parquet").unlink()
    code, said = export(altered, tmp_path / "exported")
    assert code == 2
    assert f"{mix.label} spans.parquet" in said
    assert not (tmp_path / "exported").exists()


def test_an_approval_copied_from_another_report_does_not_open_the_gate(
    gated: Audited, tmp_path: Path
) -> None:
    decide(gated, "approved")
    folder = gated.lake / "reviews" / gated.archive.report().version
    path = folder / "0001.json"
    envelope = json.loads(path.read_text())
    envelope["payload"] = envelope["payload"][:-8] + "AAAAAAA="
    path.write_text(json.dumps(envelope))
    refused(gated, tmp_path / "exported", "0001.json")


def test_an_approved_report_of_other_checkpoints_is_not_enough(
    gated: Audited, tmp_path: Path
) -> None:
    decide(gated, "approved")
    post_training = {
        "sft": {"batch_size": 8, "learning_rate": 0.002},
        "dpo": {"batch_size": 4, "learning_rate": 0.001, "beta": 0.1},
    }
    gated.study.change(post_training=post_training)
    before = checkpoint(gated).version
    done = gated.command("run", NAME, *REPLICATE, "--to", "evaluation")
    assert done.returncode == 0, done.stderr
    assert checkpoint(gated).version != before
    refused(gated, tmp_path / "exported", checkpoint(gated).label, "rests on another checkpoint")


def test_an_altered_checkpoint_is_refused(altered: Audited, tmp_path: Path) -> None:
    path = checkpoint(altered).path / "dpo" / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"\x00")
    refused(altered, tmp_path / "exported", "dpo/model.safetensors: was changed")


def test_an_unknown_stage_and_a_full_folder_are_refused(altered: Audited, tmp_path: Path) -> None:
    code, said = export(altered, tmp_path / "exported", "--checkpoint", "rlhf")
    assert code == 2
    assert "there is no stage 'rlhf': say base, sft, dpo" in said
    (tmp_path / "full").mkdir()
    shutil.copy(__file__, tmp_path / "full")
    code, said = export(altered, tmp_path / "full")
    assert code == 2
    assert "is not empty" in said
