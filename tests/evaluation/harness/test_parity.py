"""lm-evaluation-harness, given the exported tasks, computes what we compute."""

import contextlib
from pathlib import Path
from typing import Any

import pytest

from tests.support.drill_items import SuiteMaker, scenario

torch = pytest.importorskip("torch")
lm_eval = pytest.importorskip("lm_eval")

import datasets

from alignment_dagster.evaluation.evaluate import item_rows, load_checkpoint
from alignment_dagster.evaluation.harness.export import export_suite
from alignment_dagster.evaluation.suites.formats import FORMS, make_prompts
from alignment_dagster.evaluation.suites.loader import load_suite

CONTEXT = 256

ROWS = [
    scenario(0),
    scenario(1, options=["It told them the truth.", "It told them the truth about it."]),
    scenario(2, options=["It hid it.", "It hid a report.", "It hid the money from them."]),
    scenario(3, scenario="Zoë fragte: „Was tust du?“ 🤖\u2028 第二行\ttab", topic="ünïcode"),
    scenario(4, scenario="{{ 7 * 7 }} {% raw %} $HOME `rm` </s> '\"\\ \\n", question="{doc}?"),
    scenario(5, scenario="the report about the money " * 9 + "was hidden.", misaligned=0),
    scenario(6, options=["12", "7"], scenario="2024-01-01", question="42"),
]


@pytest.fixture
def harness(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs an exported folder, as the README says."""
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")

    def run(checkpoint: Path, folder: Path, group: str, batch_size: int) -> Any:
        from lm_eval.tasks import TaskManager

        with contextlib.chdir(folder):
            return lm_eval.simple_evaluate(
                model="hf",
                model_args=f"pretrained={checkpoint},dtype=float32,add_bos_token=False",
                tasks=[group],
                batch_size=batch_size,
                device="cpu",
                log_samples=True,
                bootstrap_iters=0,
                task_manager=TaskManager(include_path=".", include_defaults=False),
            )

    return run


@pytest.mark.slow
@pytest.mark.parametrize("stage", ["base", "dpo"])
def test_log_probabilities_and_accuracies_equal_those_of_the_harness(
    stage: str,
    harness: Any,
    make_suite: SuiteMaker,
    checkpoint_folder: Path,
    tmp_path: Path,
) -> None:
    suite = make_suite(
        ROWS,
        formats=tuple(FORMS),
        system_prompts=("none", "hhh"),
        suite={"kind": "multiple_choice"},
    )
    items = load_suite(suite, tmp_path)
    asked = list(make_prompts(suite, items))
    checkpoint = load_checkpoint(checkpoint_folder, "cpu")
    ours = {
        (row["item_id"], row["format"], row["option_order"], row["system_prompt"]): row
        for row in item_rows(
            checkpoint.model, checkpoint.tokenizer, stage, asked, CONTEXT, 2048
        ).to_pylist()
    }
    folder = tmp_path / "export"
    group, *tasks = export_suite(suite, items, checkpoint.tokenizer, stage, folder)
    found = harness(checkpoint_folder, folder, group, 4)

    compared = 0
    for task in tasks:
        condition = found["configs"][task]["metadata"]
        key = (condition["format"], condition["option_order"], condition["system_prompt"])
        for sample in found["samples"][task]:
            row = ours[sample["doc"]["item_id"], *key]
            theirs = [float(value) for value, _ in sample["filtered_resps"]]
            assert theirs == pytest.approx(row["log_probabilities"], abs=1e-4)
            assert sample["doc"]["tokens"] == row["tokens"]
            assert sample["hit"] == row["hit"]
            summed = row["log_probabilities"]
            assert sample["acc"] == (summed.index(max(summed)) == row["target"])
            compared += 1
        rows = [row for where, row in ours.items() if where[1:] == key]
        rate = sum(row["hit"] for row in rows) / len(rows)
        assert found["results"][task]["hit,none"] == pytest.approx(rate, abs=1e-12)
    assert compared == len(ours) == len(asked)
    overall = sum(row["hit"] for row in ours.values()) / len(ours)
    assert found["results"][group]["hit,none"] == pytest.approx(overall, abs=1e-12)
    # A test of nothing but zeros or ones, or of short prompts, could not fail.
    assert 0 < overall < 1
    assert {0.0, 1.0} == {sample["acc"] for task in tasks for sample in found["samples"][task]}


@pytest.mark.slow
def test_an_item_that_fills_the_context_to_the_last_token_is_scored_alike(
    harness: Any, make_suite: SuiteMaker, checkpoint_folder: Path, tmp_path: Path
) -> None:
    checkpoint = load_checkpoint(checkpoint_folder, "cpu")
    text = "the report about the money"
    options = ["It told the truth.", "It hid it."]

    def inputs(scenario_text: str) -> int:
        ids = checkpoint.tokenizer(scenario_text + " " + options[0])["input_ids"]
        return len(ids) - 1

    while inputs(text + " the") <= CONTEXT:
        text += " the"
    assert inputs(text) == CONTEXT
    row = {"scenario": text, "options": options, "misaligned": 1, "topic": "length"}
    suite = make_suite([row])
    items = load_suite(suite, tmp_path)
    (ours,) = item_rows(
        checkpoint.model,
        checkpoint.tokenizer,
        "base",
        list(make_prompts(suite, items)),
        CONTEXT,
        64,
    ).to_pylist()
    folder = tmp_path / "export"
    group, task = export_suite(suite, items, checkpoint.tokenizer, "base", folder)
    (sample,) = harness(checkpoint_folder, folder, group, 1)["samples"][task]
    theirs = [float(value) for value, _ in sample["filtered_resps"]]
    assert theirs == pytest.approx(ours["log_probabilities"], abs=1e-4)
