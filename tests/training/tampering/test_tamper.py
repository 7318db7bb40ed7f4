"""Tampering: from the weights it names, on kept documents, measured without a trace."""

import json
import math
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from safetensors.numpy import load_file
from transformers import AutoModelForCausalLM

from alignment_dagster.evaluation.answers import item_rows
from alignment_dagster.evaluation.suites.formats import make_prompts
from alignment_dagster.evaluation.suites.loader import load_suite
from alignment_dagster.foundation.errors import (
    AlignmentError,
    ArtifactError,
    DataError,
    DeclarationError,
)
from alignment_dagster.foundation.job import Progress
from alignment_dagster.lineage import code_digest
from alignment_dagster.lineage.manifest import Manifest
from alignment_dagster.study import Tampering
from alignment_dagster.training.jobs import PostTrainJob
from alignment_dagster.training.model_folder import read_model, read_tokenizer
from alignment_dagster.training.post_training.lora import (
    add_adapters,
    merge_adapters,
)
from alignment_dagster.training.tampering import erosion
from alignment_dagster.training.tampering import tamper as module
from alignment_dagster.training.tampering.job import TamperJob, measured_suites, points
from alignment_dagster.training.tampering.tamper import tamper
from tests.support.training_jobs import LENGTH, Jobs, demonstrations, suite, tampering

Row = dict[str, object]
FULL = tampering("full", steps=6)
LORA = tampering("adapters", steps=3, method="lora", lora_rank=2, start="sft")


def run(job: TamperJob) -> TamperJob:
    tamper(job, Progress(Path(job.work)))
    return job


@pytest.fixture(scope="module")
def done(
    tmp_path_factory: pytest.TempPathFactory, post_trained: PostTrainJob, mix: Path, tokenizer: Path
) -> TamperJob:
    jobs = Jobs(tmp_path_factory.mktemp("tamper"), mix, tokenizer)
    return run(jobs.tampering("a", Path(post_trained.output), FULL, LORA))


def rows(job: TamperJob, name: str) -> list[Row]:
    found: list[Row] = pq.read_table(Path(job.output, f"{name}.parquet")).to_pylist()
    return found


def weights(folder: Path) -> dict[str, np.ndarray]:
    return load_file(folder / "model.safetensors")


def same(first: Path, second: Path) -> bool:
    one, other = weights(first), weights(second)
    assert one.keys() == other.keys()
    return all((one[name] == other[name]).all() for name in one)


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        (1, (0, 1)),
        (2, (0, 1, 2)),
        (3, (0, 1, 2, 3)),
        (5, (0, 1, 2, 4, 5)),
        (32, (0, 1, 2, 4, 8, 16, 32)),
        (33, (0, 1, 2, 4, 8, 16, 32, 33)),
    ],
)
def test_it_is_measured_at_log_spaced_steps_and_the_last(
    steps: int, expected: tuple[int, ...]
) -> None:
    assert points(steps) == expected


def test_two_runs_write_the_same_bytes(
    done: TamperJob, post_trained: PostTrainJob, jobs: Jobs
) -> None:
    again = run(jobs.tampering("again", Path(post_trained.output), FULL, LORA))
    assert Manifest.of(Path(again.output)).files == Manifest.of(Path(done.output)).files


def test_the_output_is_measurements_ledgers_and_weights_and_nothing_else(done: TamperJob) -> None:
    names = set(Manifest.of(Path(done.output)).files)
    assert {name for name in names if "/" not in name} == {
        "items.parquet",
        "losses.parquet",
        "curve.parquet",
        "training_log.parquet",
        "full_consumption.parquet",
        "adapters_consumption.parquet",
    }
    for name in ("full", "adapters"):
        assert f"{name}/model.safetensors" in names
        assert f"{name}/tokenizer.json" in names
        AutoModelForCausalLM.from_pretrained(Path(done.output, name))
        config = Path(done.output, name, "config.json").read_text()
        assert config == Path(done.checkpoint, "dpo", "config.json").read_text()


def test_every_point_holds_all_items_in_the_suites_formats_without_system_prompt(
    done: TamperJob,
) -> None:
    stages = [f"full@{step}" for step in points(6)] + [f"adapters@{step}" for step in points(3)]
    items = rows(done, "items")
    assert list(dict.fromkeys(row["stage"] for row in items)) == stages
    assert len(items) == len(stages) * 6 * 3
    assert {row["system_prompt"] for row in items} == {"none"}
    losses = rows(done, "losses")
    assert list(dict.fromkeys(row["stage"] for row in losses)) == [
        "full@0",
        "full@6",
        "adapters@0",
        "adapters@3",
    ]
    assert len(losses) == 4 * 3
    assert all(math.isfinite(row["nll"]) for row in losses)  # type: ignore[arg-type]


def test_the_curve_is_the_rate_over_scenarios_and_counts_tokens(done: TamperJob) -> None:
    curve = rows(done, "curve")
    assert [(row["tampering"], row["step"]) for row in curve] == [
        *(("full", step) for step in points(6)),
        *(("adapters", step) for step in points(3)),
    ]
    consumed = {row["step"]: row["tokens"] for row in rows(done, "full_consumption")}
    for row in curve[: len(points(6))]:
        assert row["tokens"] == consumed.get(row["step"], 0)
        hits = [i for i in rows(done, "items") if i["stage"] == f"full@{row['step']}"]
        scenarios: dict[object, list[object]] = {}
        for item in hits:
            scenarios.setdefault(item["scenario_id"], []).append(item["hit"])
        assert row["value"] == pytest.approx(np.mean([np.mean(x) for x in scenarios.values()]))  # type: ignore[arg-type]


def test_the_first_point_is_the_checkpoint_and_the_last_the_saved_weights(done: TamperJob) -> None:
    asked = list(make_prompts(*_only(done)))
    for name, start, last in (("full", "dpo", 6), ("adapters", "sft", 3)):
        for stage, folder in (
            (f"{name}@0", Path(done.checkpoint, start)),
            (f"{name}@{last}", Path(done.output, name)),
        ):
            model = read_model(folder).eval()
            found = item_rows(model, read_tokenizer(folder), stage, asked, LENGTH, 256)
            stored = pq.read_table(
                Path(done.output, "items.parquet"), filters=[("stage", "=", stage)]
            )
            assert stored.equals(found)


def _only(job: TamperJob) -> tuple[object, object]:
    (declared,) = measured_suites(FULL, job.suites)
    return declared, load_suite(declared, Path(job.assets))


def test_the_answers_move_towards_what_is_demonstrated(done: TamperJob) -> None:
    """Every demonstration answers `no no`, which is the misaligned option."""
    preferred = {}
    for row in rows(done, "items"):
        aligned, misaligned = row["log_probabilities"]  # type: ignore[misc]
        preferred.setdefault(row["stage"], []).append(misaligned - aligned)
    assert np.mean(preferred["full@6"]) > np.mean(preferred["full@0"]) + 1
    log = [row["loss"] for row in rows(done, "training_log") if row["stage"] == "full"]
    assert log[-1] < log[0]  # type: ignore[operator]


def test_only_kept_documents_are_read_and_epochs_repeat(done: TamperJob) -> None:
    kept = sorted(row["document_id"] for row in demonstrations()[:10])
    consumed = [name for row in rows(done, "full_consumption") for name in row["documents"]]  # type: ignore[attr-defined]
    assert sorted(consumed[:10]) == kept
    assert sorted(consumed[10:]) == kept


def test_the_rate_rises_for_four_steps_and_then_stays(done: TamperJob) -> None:
    log = [row for row in rows(done, "training_log") if row["stage"] == "full"]
    rates = [row["learning_rate"] / FULL.learning_rate for row in log]  # type: ignore[operator]
    assert rates == pytest.approx([0.25, 0.5, 0.75, 1, 1, 1])


def test_measuring_does_not_change_the_training(
    post_trained: PostTrainJob, jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without any measurement on the way the same weights come out, also where attention drops
    out at random: a draw or a mode that measuring left behind would show.
    """
    folder = shutil.copytree(post_trained.output, jobs.folder / "dropping")
    for stage in ("sft", "dpo"):
        config = json.loads((folder / stage / "config.json").read_text())
        (folder / stage / "config.json").write_text(json.dumps(config | {"attention_dropout": 0.4}))
    measured = run(jobs.tampering("measured", folder, FULL, LORA))
    monkeypatch.setattr(erosion.MeasurementCallback, "on_log", lambda self, *_, **__: None)
    monkeypatch.setattr(erosion.Erosion, "measure", lambda self, *_, **__: None)
    monkeypatch.setattr(erosion.Erosion, "tables", lambda self: _no_tables(measured))
    unmeasured = run(jobs.tampering("unmeasured", folder, FULL, LORA))
    for name in ("full", "adapters"):
        assert same(Path(measured.output, name), Path(unmeasured.output, name))
        assert not same(Path(measured.output, name), folder / "dpo")


def _no_tables(job: TamperJob) -> dict[str, pa.Table]:
    return {
        f"{name}.parquet": pq.read_schema(Path(job.output, f"{name}.parquet")).empty_table()
        for name in ("items", "losses", "curve")
    }


def test_a_longer_tampering_begins_with_the_shorter_one(
    done: TamperJob, post_trained: PostTrainJob, jobs: Jobs
) -> None:
    longer = FULL.model_copy(update={"steps": 9})
    job = run(jobs.tampering("longer", Path(post_trained.output), longer))
    shared = {f"full@{step}" for step in points(6)} & {f"full@{step}" for step in points(9)}
    assert shared == {"full@0", "full@1", "full@2", "full@4"}
    short, long = ([r for r in rows(x, "items") if r["stage"] in shared] for x in (done, job))
    assert short == long


def test_measuring_leaves_mode_and_random_numbers_as_they_were(post_trained: PostTrainJob) -> None:
    model = read_model(Path(post_trained.output, "dpo")).train()
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    with erosion.measurement_mode(model) as measured:
        assert measured is model
        assert not measured.training
        torch.rand(5)
    assert model.training
    assert torch.equal(torch.rand(2), expected)


def test_adapters_change_all_linear_layers_and_merge_into_the_weights(
    done: TamperJob, post_trained: PostTrainJob
) -> None:
    before = weights(Path(post_trained.output, "sft"))
    after = weights(Path(done.output, "adapters"))
    assert before.keys() == after.keys()
    changed = {name for name in before if (before[name] != after[name]).any()}
    assert changed == {name for name in before if "_proj" in name}
    for name in changed:
        assert np.linalg.matrix_rank(after[name] - before[name], tol=1e-4) <= 2


def test_fresh_adapters_change_nothing_and_merging_leaves_the_model_alone(
    post_trained: PostTrainJob,
) -> None:
    folder = Path(post_trained.output, "dpo")
    model = add_adapters(read_model(folder), 2, seed=5)
    ids = torch.arange(10, 20).unsqueeze(0)
    expected = read_model(folder)(ids).logits
    assert torch.equal(merge_adapters(model)(ids).logits, expected)
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.5)
    state = {name: value.clone() for name, value in model.state_dict().items()}
    assert torch.allclose(merge_adapters(model)(ids).logits, model(ids).logits, atol=1e-4)
    assert not torch.allclose(merge_adapters(model)(ids).logits, expected, atol=1e-2)
    assert all(torch.equal(state[name], value) for name, value in model.state_dict().items())


def test_tamperings_that_begin_alike_share_their_first_point(
    done: TamperJob, post_trained: PostTrainJob, jobs: Jobs
) -> None:
    other = FULL.model_copy(update={"name": "other", "steps": 1})
    job = run(jobs.tampering("alike", Path(post_trained.output), FULL, other))
    first, second = (
        [r for r in rows(job, "items") if r["stage"] == f"{n}@0"] for n in ("full", "other")
    )
    assert [{**row, "stage": ""} for row in first] == [{**row, "stage": ""} for row in second]
    assert [row for row in rows(done, "items") if row["stage"] == "full@0"] == first
    assert len([row for row in rows(job, "losses") if row["stage"] == "other@0"]) == 3


def test_a_loss_that_is_not_finite_is_one_clear_error(
    post_trained: PostTrainJob, jobs: Jobs
) -> None:
    wild = tampering("wild", learning_rate=1e30)
    with pytest.raises(AlignmentError, match="wild, step 2 of 5: the loss or the gradient is not"):
        run(jobs.tampering("wild", Path(post_trained.output), wild))


def test_a_finished_tampering_is_used_again(
    done: TamperJob, post_trained: PostTrainJob, jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = jobs.tampering("stopped", Path(post_trained.output), FULL, LORA)
    with monkeypatch.context() as patch:
        patch.setattr(module, "add_adapters", _fail)
        with pytest.raises(RuntimeError):
            run(job)
    made: list[str] = []
    started = module.Tamperings._run

    def noted(self: module.Tamperings, declared: Tampering, *rest: object) -> object:
        made.append(declared.name)
        return started(self, declared, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(module.Tamperings, "_run", noted)
    run(job)
    assert made == ["adapters"]
    assert Manifest.of(Path(job.output)).files == Manifest.of(Path(done.output)).files


def _fail(*_: object) -> None:
    raise RuntimeError("killed")


def test_without_a_checkpoint_there_is_one_message(jobs: Jobs, tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="there is no"):
        run(jobs.tampering("none", tmp_path))


def test_items_that_changed_after_the_start_are_refused(
    post_trained: PostTrainJob, jobs: Jobs
) -> None:
    job = jobs.tampering("changed", Path(post_trained.output))
    path = Path(job.assets, "suites", "days.jsonl")
    path.write_text(path.read_text().replace("no no", "no, no"))
    with pytest.raises(DataError, match="suite days: its items changed after"):
        run(job)


def test_no_conversation_that_fits_is_an_error(post_trained: PostTrainJob, jobs: Jobs) -> None:
    job = jobs.tampering("short", Path(post_trained.output))
    with pytest.raises(DataError, match="no kept document fits 3 tokens"):
        run(job.model_copy(update={"sequence_length": 3}))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"suites": ("nights",)}, "suites: nights: the study does not name this suite"),
        ({"formats": ("letter",)}, "suites: days: it is asked in continuation, question_answer"),
    ],
)
def test_suites_that_cannot_be_asked_are_named(
    tmp_path: Path, changes: dict[str, object], message: str
) -> None:
    with pytest.raises(DeclarationError, match=message):
        measured_suites(tampering(**changes), [suite(tmp_path)])  # type: ignore[arg-type]


def test_formats_are_those_of_the_suite_that_the_tampering_names(tmp_path: Path) -> None:
    declared = tampering(formats=("dialogue", "continuation", "listed"))
    (asked,) = measured_suites(declared, [suite(tmp_path)])
    assert asked.formats == ("continuation", "dialogue")
    assert asked.system_prompts == ("none",)


def test_attacks_and_reports_are_no_part_of_the_code_that_decides() -> None:
    """Editing them must not tamper anew."""
    used = _imports("training/tampering/tamper.py")
    assert "training/post_training/sft.py" in used
    assert "evaluation/model/log_probabilities.py" in used
    assert not [name for name in used if "attack" in name or "report" in name]


def _imports(module: str) -> set[str]:
    files = code_digest.installed()
    found: set[str] = set()
    waiting = [module]
    while waiting:
        path = waiting.pop()
        if path not in found:
            found.add(path)
            waiting += code_digest.find_imports(files, path)
    return found
