"""What exists is listed with who made it when, and one artifact is shown with all its records."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from alignment_dagster.audit.answer import Node, Table
from alignment_dagster.audit.artifact_list import describe_artifacts, size
from alignment_dagster.audit.artifact_view import describe_artifact
from alignment_dagster.foundation.errors import ArtifactError
from alignment_dagster.lineage.archive import Archive
from alignment_dagster.lineage.lake import Artifact, Lake
from tests.support import record_lake
from tests.support.audited_study import Audited
from tests.support.record_lake import STUDY

ALIGNMENT = str(Path(sys.executable).parent / "alignment")


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return record_lake.make(tmp_path)


@pytest.fixture
def made(lake: Lake) -> list[Artifact]:
    """A source, an old and a current mix; the current one was made before and reused."""
    source = record_lake.publish(lake, "raw_corpus", "stories")
    mix = record_lake.publish(lake, parents=[source], files={"rows": b"x" * 2048})
    old = record_lake.publish(lake, parents=[source], declaration="old")
    record_lake.become_current(lake, mix, reused=True)
    return [source, mix, old]


def texts(node: Node) -> list[str]:
    """A tree's lines, depth first."""
    return [f"{node.text}  {node.detail}", *(line for one in node.children for line in texts(one))]


def command(lake: Lake, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [ALIGNMENT, "audit", *arguments],
        env={**os.environ, "ALIGNMENT_HOME": str(lake.root.parent)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_the_current_versions_are_listed(lake: Lake, made: list[Artifact]) -> None:
    source, mix, _ = made
    lines = describe_artifacts(Archive(lake, STUDY)).data["artifacts"]
    assert [line["artifact"] for line in lines] == [source.label, mix.label]
    assert lines[1] == {
        "artifact": mix.label,
        "asset": "curated_mix",
        "partition": "plain",
        "version": mix.version,
        "current": True,
        "made": "2026-01-01T00:00:00+00:00",
        "seconds": 1.5,
        "bytes": 2048,
        "git_commit": "0123456789abcdef",
        "git_dirty": "true",
        "reused": 1,
        "collected": None,
        "signed_by": lake.keys.signer().key_id,
    }


def test_all_versions_are_listed_with_which_is_current(lake: Lake, made: list[Artifact]) -> None:
    lines = describe_artifacts(Archive(lake, STUDY), every=True).data["artifacts"]
    assert {line["artifact"]: line["current"] for line in lines} == {
        made[0].label: True,
        made[1].label: True,
        made[2].label: False,
    }


def test_one_asset_can_be_asked_for(lake: Lake, made: list[Artifact]) -> None:
    answer = describe_artifacts(Archive(lake, STUDY), "curated_mix", every=True)
    (table,) = answer.blocks
    assert isinstance(table, Table)
    assert {row[1] for row in table.rows} == {made[1].version, made[2].version}
    with pytest.raises(ArtifactError, match=r"'curated_mx' \(near: curated_mix\)"):
        describe_artifacts(Archive(lake, STUDY), "curated_mx")


def test_an_artifact_whose_signature_does_not_hold_is_listed_and_warned_of(
    lake: Lake, made: list[Artifact]
) -> None:
    (made[1].path / "logged.parquet").write_bytes(b"other")
    answer = describe_artifacts(Archive(lake, STUDY))
    assert f"{made[1].label}: logged.parquet is not what was signed" in answer.warnings[0]
    assert [line["signed_by"] is None for line in answer.data["artifacts"]] == [False, True]


def test_a_current_version_that_is_gone_is_warned_of(lake: Lake, made: list[Artifact]) -> None:
    shutil.rmtree(made[1].path)
    answer = describe_artifacts(Archive(lake, STUDY))
    assert [line["artifact"] for line in answer.data["artifacts"]] == [made[0].label]
    assert answer.warnings[0].startswith(f"{made[1].label}: is not in the lake")


def test_an_artifact_is_shown_with_everything_recorded(lake: Lake, made: list[Artifact]) -> None:
    source, mix, old = made
    archive = Archive(lake, STUDY)
    (tree,) = describe_artifact(archive, mix).blocks
    assert isinstance(tree, Node)
    lines = "\n".join(texts(tree))
    for expected in (
        mix.digest,
        mix.manifest.files["rows"],
        "2.0 KiB",
        f"{source.label}  {source.digest}",
        "0123456789abcdef",
        "+ changes",
        "0" * 64,
        "python  3",
        "1.500 seconds",
        "http://127.0.0.1:3000/runs/dagster-1",
        "http://127.0.0.1:5000/#/runs/mlflow-1",
        "reused",
        "not_empty  It is not.",
        "seed  1",
        "2  b",
        f"holds, of key {lake.keys.signer().key_id}",
        mix.record,
    ):
        assert expected in lines, expected
    data = describe_artifact(archive, source).data
    assert sorted(data["children"]) == sorted([mix.label, old.label])
    assert describe_artifact(archive, old).data["current"] is False


def test_a_parent_that_is_gone_is_shown_as_gone(lake: Lake, made: list[Artifact]) -> None:
    shutil.rmtree(made[0].path)
    (tree,) = describe_artifact(Archive(lake, STUDY), made[1]).blocks
    assert isinstance(tree, Node)
    assert any(made[0].label in line and "no longer" in line for line in texts(tree))


def test_a_broken_signature_is_said_first(lake: Lake, made: list[Artifact]) -> None:
    (made[1].path / "logged.parquet").write_bytes(b"other")
    answer = describe_artifact(Archive(lake, STUDY), made[1])
    assert "logged.parquet is not what was signed" in answer.warnings[0]
    assert answer.data["signed_by"] is None


def test_the_commands_print_json(lake: Lake, made: list[Artifact]) -> None:
    listed = command(lake, "list", STUDY, "--all", "--json")
    assert len(json.loads(listed.stdout)["artifacts"]) == 3, listed.stderr
    viewed = command(lake, "view", STUDY, f"curated_mix[plain]@{made[2].version[:6]}", "--json")
    assert json.loads(viewed.stdout)["artifact"] == made[2].label, viewed.stderr


def test_a_wrong_name_is_one_line_and_exit_code_2(lake: Lake, made: list[Artifact]) -> None:
    done = command(lake, "view", STUDY, "curated_mix[plane]")
    assert done.returncode == 2
    assert "near: plain" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("count", "shown"), [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (5 << 30, "5.0 GiB")]
)
def test_a_size_for_a_person(count: int, shown: str) -> None:
    assert size(count) == shown


@pytest.mark.slow
def test_a_study_that_was_run_is_listed_and_every_artifact_can_be_viewed(audited: Audited) -> None:
    archive = audited.archive
    answer = describe_artifacts(archive)
    assert not answer.warnings
    assert len(answer.data["artifacts"]) == len(archive.keys)
    for artifact in archive.all():
        shown = describe_artifact(archive, artifact)
        assert not shown.warnings
        assert shown.data["current"]
        json.dumps(shown.data)
