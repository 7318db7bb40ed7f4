"""What a study takes, as it was said before, is what it took."""

from pathlib import Path

import pytest
from transformers import AutoModelForCausalLM

from alignment_dagster import chain
from alignment_dagster.foundation.home import Home
from alignment_dagster.foundation.job import Progress
from alignment_dagster.foundation.placement import Placement
from alignment_dagster.lineage.lake import Lake
from alignment_dagster.lineage.partition_keys import recipe_of
from alignment_dagster.preflight.estimate import probes
from alignment_dagster.preflight.estimate.amounts import scaled_seconds
from alignment_dagster.preflight.estimate.estimator import Estimator
from alignment_dagster.preflight.estimate.evidence import Evidence
from alignment_dagster.preflight.estimate.memory import batch_advice, require_place, workers_advice
from alignment_dagster.preflight.estimate.model_size import ModelSize, measure_model
from alignment_dagster.preflight.estimate.probes import Probed
from alignment_dagster.preflight.estimate.sizes import declared_bytes
from alignment_dagster.preflight.estimate.trainings import find_training, trainings
from alignment_dagster.study import Study
from alignment_dagster.study.vocabulary import CHAT_TOKENS
from alignment_dagster.training.jobs import ProbeJob
from alignment_dagster.training.pretraining.model import parameter_count
from alignment_dagster.training.pretraining.probe import probe
from tests.support.audited_study import Audited
from tests.support.base_model import write_base
from tests.support.tiny_study import NAME, STUDY, TinyStudy

DISK_FACTOR = 1.5
"""How far an estimate of bytes may be from what was written."""
CPU = Placement(device="cpu")


@pytest.fixture
def study(audited: Audited, monkeypatch: pytest.MonkeyPatch) -> Study:
    """As it is declared, in an environment where it can be read."""
    monkeypatch.setenv("ALIGNMENT_DATA", str(audited.study.data))
    return audited.study.load()


@pytest.fixture
def evidence(audited: Audited) -> Evidence:
    return Evidence(Lake(audited.home.lake), NAME)


def measured_on(tmp_path: Path, study: Study, memory: int) -> Probed:
    """A probe in this process, of a few steps."""
    training, size = next(iter(trainings(study))), ModelSize(15_000, 400, known=False)
    job = probes.probe_job(study, training, size, CPU)
    job = job.model_copy(update={"work": str(tmp_path), "seconds": 0.1, "memory": memory})
    probe(ProbeJob.model_validate(job.model_dump()), Progress(tmp_path))
    return probes.read_result(tmp_path)


@pytest.mark.slow
def test_parameters_steps_and_tokens_are_exactly_those_that_were_trained(
    study: Study, evidence: Evidence, tmp_path: Path
) -> None:
    before = measure_model(study, Evidence(Lake(tmp_path / "lake"), NAME))
    models = evidence.all(chain.PRETRAINED_CHECKPOINT)
    assert len(models) == len(study.recipes) * len(study.declaration.seeds)
    for one in models:
        assert one.measured("parameters") == before.parameters
        training = find_training(study, one.artifact.asset, recipe_of(one.artifact.partition))
        assert one.measured("steps") == training.steps
        assert one.measured("tokens") == training.tokens


@pytest.mark.slow
def test_bytes_are_within_a_factor_of_those_that_were_written(
    study: Study, evidence: Evidence
) -> None:
    size = measure_model(study, evidence)
    assert size.known
    estimated = 0
    for (asset, partition), artifact in evidence.current.items():
        said = declared_bytes(study, asset, partition, size.parameters, size.vocabulary)
        written = sum(artifact.manifest.sizes.values())
        if said is not None:
            estimated += 1
            assert written / DISK_FACTOR < said < written * DISK_FACTOR, artifact.label
    assert estimated == 4 * 3 + 2  # of each replicate both checkpoints and a tampering; and mixes


@pytest.mark.slow
def test_what_was_made_before_says_how_long_more_of_it_takes(
    study: Study, evidence: Evidence
) -> None:
    size = measure_model(study, evidence)
    estimator = Estimator(study, evidence, size, {}, on_cpu=True)
    for (asset, partition), artifact in evidence.current.items():
        found = estimator.estimate(asset, partition)
        assert found.seconds is not None
        assert found.seconds_from == "made before"
        if asset == chain.TAMPERING:
            assert found.seconds == pytest.approx(artifact.provenance.seconds)
            longer = [
                one.model_copy(update={"steps": 2 * one.steps})
                for one in study.declaration.tampering
            ]
            changed = study.declaration.model_copy(update={"tampering": tuple(longer)})
            twice = study.model_copy(update={"declaration": changed})
            before = evidence.nearest(asset, partition)
            assert before is not None
            seconds = scaled_seconds(twice, asset, partition, before)
            work = before.measured("bad_chat_seconds") or 0.0
            assert 0 < work < before.seconds
            assert seconds == pytest.approx(before.seconds + work)
    on_gpu = Estimator(study, evidence, size, {}, on_cpu=False)
    assert on_gpu.estimate(chain.EVALUATION, "aligned|0").seconds is None


def test_what_was_never_made_nor_measured_is_unknown(tiny: TinyStudy, tmp_path: Path) -> None:
    study, nothing = tiny.load(), Evidence(Lake(tmp_path / "lake"), NAME)
    size = ModelSize(15_000, 400, known=False)
    found = Estimator(study, nothing, size, {}, on_cpu=True)
    for asset in (chain.RAW_CORPUS, chain.EVALUATION, chain.PRETRAINED_CHECKPOINT):
        assert found.estimate(asset, "aligned|0").seconds is None
    assert found.estimate(chain.RAW_CORPUS, "stories").bytes is None


@pytest.mark.parametrize("tied", [True, False])
def test_a_checkpoint_s_parameters_are_its_own_with_the_rows_that_conversations_need(
    tiny: TinyStudy, tmp_path: Path, *, tied: bool
) -> None:
    base = write_base(tiny.data / "base", tie_word_embeddings=tied)
    tiny.change(base={"path": "base"}, tokenizer=None, model=None)
    size = measure_model(tiny.load(), Evidence(Lake(tmp_path / "lake"), NAME))
    own = AutoModelForCausalLM.from_pretrained(tiny.data / str(base.path))
    rows = len(CHAT_TOKENS) * 16 * (1 if tied else 2)
    assert size == ModelSize(parameter_count(own) + rows, 300 + len(CHAT_TOKENS), known=True)


def test_steps_that_recipes_share_are_counted_once(tiny: TinyStudy) -> None:
    for number, share in enumerate((0.5, 0.75)):
        trunk = {"recipe": "unfiltered", "share": share}
        content = {"name": f"branch_{number}", "description": "d", "remainder": "natural"}
        tiny.write(f"recipes/branch_{number}", {**content, "trunk": trunk})
    tiny.change(recipes=["unfiltered", "branch_0", "branch_1"])
    found = {(one.asset, one.recipe): (one.steps, one.tokens) for one in trainings(tiny.load())}
    step = 8 * 128
    assert found == {
        (chain.TRUNK_CHECKPOINT, "unfiltered"): (10, 10 * step),
        (chain.PRETRAINED_CHECKPOINT, "unfiltered"): (3, 12800 - 10 * step),
        (chain.PRETRAINED_CHECKPOINT, "branch_0"): (7, 12800 - 6 * step),
        (chain.PRETRAINED_CHECKPOINT, "branch_1"): (3, 12800 - 10 * step),
    }


def test_a_probe_takes_steps_of_the_study_s_own_loop_and_says_what_they_held(
    tiny: TinyStudy, tmp_path: Path
) -> None:
    found = measured_on(tmp_path, tiny.load(), 1 << 33)
    assert found.fits
    assert found.tokens_per_second is not None
    assert found.tokens_per_second > 0
    assert found.gradients == found.weights
    assert found.optimizer >= 2 * found.weights
    assert found.peak_memory >= found.process + found.weights


def test_too_little_memory_says_which_batch_would_fit(tiny: TinyStudy, tmp_path: Path) -> None:
    tiny.change(pretraining={**STUDY["pretraining"], "batch_size": 1 << 16})
    study = tiny.load()
    training = next(iter(trainings(study)))
    found = measured_on(tmp_path, study, 1 << 28)
    assert found.tokens_per_second is None
    advice = batch_advice(study, training, found) or ""
    line = (tiny.assets / "studies" / f"{NAME}.yaml").read_text().split("batch_size")[0].count("\n")
    assert f"{NAME}.yaml:{line + 1}: too little memory for 65536 sequences" in advice
    assert "lower pretraining.batch_size to " in advice
    assert found.needed is not None
    assert found.needed > 1 << 28
    fitting = int(advice.split("batch_size to ")[1].split()[0])
    assert 0 < fitting <= found.batch_size < 1 << 16
    assert f"accumulation to {(1 << 16) // fitting}" in advice


def test_a_model_that_no_batch_makes_fit_is_said_to_be_too_large() -> None:
    short = require_place(ModelSize(10**9, 400, known=True), 8 << 30)
    assert short is not None
    assert "1,000,000,000 parameters" in short
    assert "15 GiB" in short
    assert require_place(ModelSize(10**9, 400, known=True), 16 << 30) is None


def test_jobs_that_fit_alone_and_not_together_are_said_to_go_one_by_one() -> None:
    assert "with --workers 1" in (workers_advice(2, 3 << 30, 4 << 30) or "")
    assert workers_advice(2, 2 << 30, 4 << 30) is None
    assert workers_advice(1, 3 << 30, 4 << 30) is None


@pytest.mark.slow
def test_a_probe_in_a_process_of_its_own_is_remembered(tiny: TinyStudy, tmp_path: Path) -> None:
    study, home = tiny.load(), Home(tmp_path / "home")
    size = ModelSize(15_000, 400, known=False)
    job = probes.probe_job(study, next(iter(trainings(study))), size, CPU)
    assert probes.recall(home, job) is None
    found = probes.take(home, job.model_copy(update={"seconds": 0.1}))
    assert probes.recall(home, job) == found
    wider = job.model_copy(update={"vocabulary": 500})
    assert probes.recall(home, wider) is None
