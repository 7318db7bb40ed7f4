"""Steps taken again give what was recorded, and a trainer that lied about them is found out."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from safetensors.numpy import load_file, save_file

from alignment_dagster.audit.replay import Replay, parse_segment, replay_steps
from alignment_dagster.audit.replay_answer import LIMIT, replay_as_answer
from alignment_dagster.foundation.errors import ArtifactError
from alignment_dagster.lineage.archive import Archive
from alignment_dagster.lineage.lake import Artifact
from alignment_dagster.lineage.manifest import Manifest
from tests.support import record_lake, tiny_study
from tests.support.audited_study import Audited

pytestmark = pytest.mark.slow

NAME = "pretrained_checkpoint[unfiltered|0]"
STEPS, KEEP = 13, 4


@pytest.fixture(scope="module")
def kept(audited: Audited, tmp_path_factory: pytest.TempPathFactory) -> Audited:
    """The study with a checkpoint that keeps its states; not to be altered but by `forged`."""
    copy = audited.copy(tmp_path_factory.mktemp("kept") / "study")
    declared = yaml.safe_load((copy.study.assets / "studies/tiny.yaml").read_text())
    copy.study.change(pretraining={**declared["pretraining"], "keep_every": KEEP})
    done = copy.command(
        "run", tiny_study.NAME, "--recipe", "unfiltered", "--seed", "0",
        "--to", "pretrained_checkpoint",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return copy


def forged(study: Audited, change: Callable[[Path], None], **recorded: Any) -> Artifact:
    """The checkpoint with something changed, and all its records written and signed for that."""
    archive = study.archive
    artifact = archive.find(NAME)
    with archive.lake.staging() as folder:
        for name in artifact.manifest.files:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(artifact.path / name, folder / name)
        change(folder)
        digest = Manifest.of(folder).digest
        provenance = artifact.provenance.model_copy(update={"output_digest": digest, **recorded})
        assert provenance.version != artifact.version
        return archive.lake.publish(folder, provenance)


def column(file: str, name: str, step: int, change: Callable[[Any], Any]) -> Callable[[Path], None]:
    """Changes one value of a ledger."""

    def alter(folder: Path) -> None:
        table = pq.read_table(folder / file)
        rows = table.to_pylist()
        rows[step - 1][name] = change(rows[step - 1][name])
        pq.write_table(pa.Table.from_pylist(rows, schema=table.schema), folder / file)

    return alter


def tensor(file: str) -> Callable[[Path], None]:
    """Changes one number of a file of weights by a hair."""

    def alter(folder: Path) -> None:
        tensors = load_file(folder / file)
        name = min(name for name in tensors if "embed" in name)
        tensors[name].flat[0] += 1e-3
        save_file(tensors, folder / file)

    return alter


def replayed(study: Audited, steps: str, artifact: Artifact | None = None) -> Replay:
    archive = study.archive
    return replay_steps(archive, artifact or archive.find(NAME), steps)


def state_file(step: int) -> str:
    return f"states/{step:08d}/tensors.safetensors"


def test_all_steps_from_the_random_weights_are_identical(audited: Audited) -> None:
    outcome = replayed(audited, f"1:{STEPS}")
    assert outcome.identical, outcome.departures
    assert outcome.segment.began_after == 0
    assert [step.step for step in outcome.segment.taken] == list(range(1, STEPS + 1))
    weights = audited.archive.find(NAME).manifest.files["model/model.safetensors"]
    assert outcome.segment.weights == weights
    assert outcome.differences == ()


def test_the_artifact_holds_the_states_that_were_declared(kept: Audited) -> None:
    files = kept.archive.find(NAME).manifest.files
    assert [step for step in range(1, STEPS + 1) if state_file(step) in files] == [4, 8, 12]


def test_keeping_states_changes_nothing_else(audited: Audited, kept: Audited) -> None:
    before, after = (study.archive.find(NAME).manifest.files for study in (audited, kept))
    assert before == {name: one for name, one in after.items() if not name.startswith("states/")}


@pytest.mark.parametrize(
    ("steps", "began", "states", "last"),
    [
        ("10:13", 8, {12}, True),
        ("5:8", 4, {8}, False),
        ("9:9", 8, set(), False),
        ("4:4", 0, {4}, False),
        ("13:13", 12, set(), True),
    ],
)
def test_steps_from_the_nearest_kept_state_are_identical(
    kept: Audited, steps: str, began: int, states: set[int], last: bool
) -> None:
    outcome = replayed(kept, steps)
    assert outcome.identical, outcome.departures
    assert outcome.segment.began_after == began
    assert set(outcome.segment.states) == states
    assert (outcome.segment.weights is not None) == last


@pytest.mark.parametrize(
    ("file", "quantity", "change"),
    [
        ("training_log.parquet", "loss", lambda value: value - 0.25),
        ("training_log.parquet", "gradient_norm", lambda value: value * 2),
        ("training_log.parquet", "loss", lambda _value: None),
        ("training_log.parquet", "loss", lambda _value: float("nan")),
        ("consumption.parquet", "sequences", lambda value: [*value[1:], value[0]]),
        ("consumption.parquet", "chain", lambda value: value[::-1]),
    ],
)
def test_a_signed_lie_about_a_step_is_found_and_named(
    kept: Audited, file: str, quantity: str, change: Callable[[Any], Any]
) -> None:
    lie = forged(kept, column(file, quantity, 11, change))
    outcome = replayed(kept, "10:12", lie)
    (found,) = outcome.departures
    assert (found.file, found.quantity, found.step) == (file, quantity, 11)
    warning = replay_as_answer(outcome).warnings[0]
    assert f"{file}: {quantity} of step 11 is recorded as" in warning
    assert replayed(kept, "12:13", lie).identical


def test_the_largest_deviation_is_named_with_its_step(kept: Audited) -> None:
    def alter(folder: Path) -> None:
        column("training_log.parquet", "loss", 10, lambda value: value + 0.25)(folder)
        column("training_log.parquet", "loss", 12, lambda value: value + 0.5)(folder)

    data = replay_as_answer(replayed(kept, "9:13", forged(kept, alter))).data
    assert data["largest_deviation"] == {"step": 12, "deviation": pytest.approx(0.5)}
    assert data["identical"] is False
    assert [one["step"] for one in data["departures"]] == [10, 12]


def test_final_weights_that_training_does_not_give_are_found(kept: Audited) -> None:
    lie = forged(kept, tensor("model/model.safetensors"))
    (found,) = replayed(kept, "13:13", lie).departures
    assert (found.file, found.quantity) == ("model/model.safetensors", "sha256")
    assert replayed(kept, "11:12", lie).identical


def test_a_kept_state_that_training_does_not_give_is_found_from_both_sides(kept: Audited) -> None:
    lie = forged(kept, tensor(state_file(8)))
    (found,) = replayed(kept, "5:8", lie).departures
    assert found.file == state_file(8)
    after = replayed(kept, "9:10", lie)
    assert after.segment.began_after == 8
    assert {one.quantity for one in after.departures} == {"loss", "gradient_norm"}


def test_a_ledger_that_leaves_out_steps_is_found(kept: Audited) -> None:
    def alter(folder: Path) -> None:
        for file in ("training_log.parquet", "consumption.parquet"):
            pq.write_table(pq.read_table(folder / file).slice(0, STEPS - 2), folder / file)

    (found,) = replayed(kept, "9:10", forged(kept, alter)).departures
    assert (found.quantity, found.recorded, found.replayed) == ("steps", STEPS - 2, STEPS)


def test_other_packages_and_code_are_named_as_what_can_explain_it(kept: Audited) -> None:
    artifact = kept.archive.find(NAME)
    environment = {**artifact.provenance.environment, "torch": "0.1"}
    change = column("training_log.parquet", "loss", 11, lambda value: value + 1e-7)
    outcome = replayed(kept, "11:11", forged(kept, change, environment=environment))
    assert [(one.what, one.recorded) for one in outcome.differences] == [("torch", "0.1")]
    said = " ".join(replay_as_answer(outcome).sentences)
    assert "last bits" in said
    assert LIMIT in said


def test_nothing_is_written_but_a_temporary_folder_that_goes(
    kept: Audited, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def contents() -> dict[str, int]:
        lake = kept.home.lake.rglob("*")
        return {str(path): path.stat().st_mtime_ns for path in lake if path.is_file()}

    before = contents()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert replayed(kept, "13:13").segment.weights
    assert contents() == before
    assert list(tmp_path.iterdir()) == []


def test_the_command_exits_with_0_or_1(kept: Audited) -> None:
    same = kept.command("audit", "replay", "tiny", NAME, "--steps", "9:10", "--json")
    assert same.returncode == 0, same.stderr
    assert json.loads(same.stdout)["identical"] is True
    lie = forged(kept, column("training_log.parquet", "loss", 10, lambda value: value + 1))
    other = kept.command("audit", "replay", "tiny", lie.label, "--steps", "9:10")
    assert other.returncode == 1, other.stderr
    assert "training_log.parquet: loss of step 10 is recorded as" in other.stdout


@pytest.mark.parametrize(
    ("name", "steps", "said"),
    [
        (NAME, "0:3", r"the training has the steps 1:13"),
        (NAME, "3:14", r"the training has the steps 1:13"),
        (NAME, "5:4", r"the training has the steps 1:13"),
        (NAME, "5", r"steps are named a:b, as in 1:13"),
        (NAME, "-1:3", r"steps are named a:b"),
        (NAME, "٣:٤", r"steps are named a:b"),
        ("tokenizer", "1:2", r"only a pretrained_checkpoint can be replayed"),
        ("post_trained_checkpoint[unfiltered|0]", "1:2", r"only a pretrained_checkpoint"),
    ],
)
def test_what_cannot_be_replayed_is_one_message(
    audited: Audited, name: str, steps: str, said: str
) -> None:
    archive = audited.archive
    with pytest.raises(ArtifactError, match=said):
        replay_steps(archive, archive.find(name), steps)


def test_bytes_that_changed_are_not_replayed(altered: Audited) -> None:
    archive = altered.archive
    (mix,) = [one for one in archive.parents(archive.find(NAME)) if one.asset == "curated_mix"]
    sequences = mix.path / "sequences.npy"
    content = bytearray(sequences.read_bytes())
    content[-1] ^= 1
    sequences.write_bytes(content)
    with pytest.raises(
        ArtifactError, match=r"curated_mix\[unfiltered\].*sequences.npy was changed"
    ):
        replayed(altered, "1:2")
    shutil.rmtree(mix.path)
    with pytest.raises(ArtifactError, match=r"curated_mix\[unfiltered\].*is not in the lake"):
        replayed(altered, "1:2")


def test_a_declaration_that_is_not_the_one_named_is_refused(kept: Audited) -> None:
    declared = {**kept.archive.find(NAME).provenance.declared, "seed": 7}
    change = column("training_log.parquet", "loss", 13, lambda value: value + 1)
    with pytest.raises(ArtifactError, match="what it declares is not what its inputs name"):
        replayed(kept, "1:2", forged(kept, change, declared=declared))


def test_a_kept_state_that_is_none_is_one_message(kept: Audited) -> None:
    lie = forged(kept, lambda folder: (folder / state_file(4)).write_bytes(b"no tensors"))
    with pytest.raises(ArtifactError, match="is no state of this training"):
        replayed(kept, "5:6", lie)


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: (folder / "training_log.parquet").write_bytes(b"none"),
        lambda folder: (folder / "consumption.parquet").unlink(),
        lambda folder: pq.write_table(pa.table({"step": [1]}), folder / "training_log.parquet"),
    ],
    ids=["no-parquet", "missing", "no-column"],
)
def test_ledgers_that_cannot_be_read_are_one_message(
    kept: Audited, damage: Callable[[Path], None]
) -> None:
    with pytest.raises(ArtifactError, match="its ledgers cannot be read"):
        replayed(kept, "5:6", forged(kept, damage))


def test_segments_are_counted_from_1() -> None:
    assert parse_segment("1:1", 1) == (1, 1)
    assert parse_segment("2:13", 13) == (2, 13)


def test_the_module_is_imported_without_torch() -> None:
    heavy = ("torch", "dagster", "mlflow", "duckdb", "pyarrow")
    for module, barred in (("audit.replay", heavy[:3]), ("cli.audit", heavy)):
        show = f"print([name for name in {barred} if name in sys.modules])"
        code = f"import sys, alignment_dagster.{module}; {show}"
        command = [sys.executable, "-c", code]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        assert done.stdout.strip() == "[]", module


def test_a_checkpoint_without_ledgers_is_one_message(tmp_path: Path) -> None:
    lake = record_lake.make(tmp_path)
    artifact = record_lake.publish(lake, "pretrained_checkpoint", "plain|0")
    with pytest.raises(ArtifactError, match="its ledgers cannot be read"):
        replay_steps(Archive(lake, record_lake.STUDY), artifact, "1:1")
