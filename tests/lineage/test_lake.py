"""The lake keeps what it was given, finds it by its inputs, and notices every altered byte."""

from pathlib import Path

import pytest

from alignment_dagster.foundation.errors import ArtifactError
from alignment_dagster.lineage.lake import Lake
from tests.support.small_artifacts import inputs, publish


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "lake")


def test_an_artifact_lies_at_its_address_and_is_found_by_its_inputs(lake: Lake) -> None:
    artifact = publish(lake, inputs())
    assert artifact.path == lake.root / "study" / "curated_mix" / "filtered.0" / artifact.version
    assert lake.find(inputs()) == artifact
    assert lake.find(inputs("another")) is None


def test_the_same_bytes_from_other_inputs_are_another_version_with_the_same_digest(
    lake: Lake,
) -> None:
    first, second = publish(lake, inputs("one")), publish(lake, inputs("two"))
    assert first.digest == second.digest
    assert first.version != second.version


def test_an_artifact_is_never_overwritten(lake: Lake) -> None:
    first = publish(lake, inputs())
    before = (first.path / "provenance.json").stat().st_ino
    again = publish(lake, inputs())
    assert again.version == first.version
    assert (again.path / "provenance.json").stat().st_ino == before


def test_what_fails_leaves_nothing_behind(lake: Lake) -> None:
    def fail() -> None:
        with lake.staging() as folder:
            (folder / "half").write_text("half")
            (folder / "absent").read_text()

    with pytest.raises(FileNotFoundError):
        fail()
    assert not list(lake.root.rglob("half"))
    assert lake.versions("study", "curated_mix", "filtered|0") == []


@pytest.mark.parametrize(
    ("alter", "said"),
    [
        (lambda path: (path / "model/weights").write_bytes(b"bytez"), "model/weights was changed"),
        (lambda path: (path / "rows").unlink(), "rows is missing"),
        (lambda path: (path / "extra").write_text("x"), "extra was added"),
        (lambda path: (path / "manifest.json").unlink(), "no manifest.json"),
        (lambda path: (path / "provenance.json").write_text("{}"), "provenance.json: damaged"),
    ],
)
def test_every_alteration_is_named(lake: Lake, alter: object, said: str) -> None:
    artifact = publish(lake, inputs())
    alter(artifact.path)  # type: ignore[operator]
    with pytest.raises(ArtifactError, match=said):
        lake.open("study", "curated_mix", "filtered|0", artifact.version)


def test_swapped_artifacts_are_noticed(lake: Lake) -> None:
    first, second = publish(lake, inputs("one")), publish(lake, inputs("two"), b"other")
    for name in ("model/weights", "manifest.json"):
        (first.path / name).write_bytes((second.path / name).read_bytes())
    with pytest.raises(ArtifactError, match="manifest and provenance disagree"):
        lake.open("study", "curated_mix", "filtered|0", first.version)


def test_a_copied_folder_is_not_the_version_it_claims(lake: Lake) -> None:
    first, second = publish(lake, inputs("one")), publish(lake, inputs("two"), b"other")
    for name in ("model/weights", "manifest.json", "provenance.json"):
        (first.path / name).write_bytes((second.path / name).read_bytes())
    with pytest.raises(ArtifactError, match="not that of this version"):
        lake.open("study", "curated_mix", "filtered|0", first.version)


def test_a_parent_made_again_with_the_same_bytes_changes_nothing(lake: Lake) -> None:
    first, second = publish(lake, inputs("one")), publish(lake, inputs("two"))
    child = inputs(parents=(first.as_parent(),))
    assert child.digest == inputs(parents=(second.as_parent(),)).digest


def test_reading_one_file_depends_on_that_file_only(lake: Lake) -> None:
    first, second = publish(lake, inputs("one")), publish(lake, inputs("two"), b"other")
    assert first.as_parent("rows").digest == second.as_parent("rows").digest
    assert first.as_parent("model/weights").digest != second.as_parent("model/weights").digest
