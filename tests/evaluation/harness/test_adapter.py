"""lm-evaluation-harness tasks on a checkpoint folder, through the job."""

import json
import sys
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import yaml

from tests.support.drill_items import SuiteMaker, scenario

pytest.importorskip("torch")
pytest.importorskip("lm_eval")

from alignment_dagster.evaluation.answers import item_rows
from alignment_dagster.evaluation.evaluate import load_checkpoint
from alignment_dagster.evaluation.harness.adapter import SAMPLES, SUMMARY, main, run_tasks
from alignment_dagster.evaluation.harness.export import export_suite
from alignment_dagster.evaluation.harness.job import HarnessJob
from alignment_dagster.evaluation.suites.formats import make_prompts
from alignment_dagster.evaluation.suites.loader import load_suite
from alignment_dagster.foundation.errors import AlignmentError, DataError
from alignment_dagster.foundation.job import USER_ERROR, Progress

WRITES = {
    "task": "writes",
    "dataset_path": "json",
    "dataset_kwargs": {"data_files": {"test": "writes.jsonl"}},
    "test_split": "test",
    "output_type": "generate_until",
    "doc_to_text": "question",
    "doc_to_target": "answer",
    "generation_kwargs": {"until": ["\n"], "max_gen_toks": 4, "do_sample": False},
    "metric_list": [{"metric": "exact_match", "aggregation": "mean", "higher_is_better": True}],
}


def job(tmp_path: Path, checkpoint: Path, tasks: list[str], **fields: Any) -> HarnessJob:
    return HarnessJob.model_validate(
        {
            "checkpoints": {"base": str(checkpoint), "dpo": str(checkpoint)},
            "harness": {"tasks": tasks, **fields},
            "include_path": str(tmp_path / "tasks"),
            "sequence_length": 256,
            "output": str(tmp_path / "output"),
            "work": str(tmp_path / "work"),
        }
    )


@pytest.mark.slow
def test_samples_and_summary_of_local_tasks(
    make_suite: SuiteMaker, tmp_path: Path, checkpoint_folder: Path
) -> None:
    suite = make_suite([scenario(n) for n in range(3)], formats=("question_answer",))
    items = load_suite(suite, tmp_path)
    _, compares = export_suite(suite, items, None, "base", tmp_path / "tasks")
    (tmp_path / "tasks" / "writes.yaml").write_text(yaml.safe_dump(WRITES))
    rows = [{"question": f"What did {n} do?", "answer": "It hid."} for n in range(3)]
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    (tmp_path / "tasks" / "writes.jsonl").write_text(lines)

    declared = job(tmp_path, checkpoint_folder, [compares, "writes"], limit=2, batch_size=4)
    (tmp_path / "job.json").write_text(declared.model_dump_json())
    before = Path.cwd()
    assert main([str(tmp_path / "job.json")]) == 0
    assert Path.cwd() == before

    samples = pq.read_table(tmp_path / "output" / "samples.parquet")
    summary = pq.read_table(tmp_path / "output" / "summary.parquet")
    assert samples.schema == SAMPLES
    assert summary.schema == SUMMARY
    found = {(row["stage"], row["task"], row["sample"]): row for row in samples.to_pylist()}
    assert len(found) == samples.num_rows == 2 * 2 * 2
    checkpoint = load_checkpoint(checkpoint_folder, "cpu")
    asked = list(make_prompts(suite, items))[:2]
    for stage in ("base", "dpo"):
        ours = item_rows(checkpoint.model, checkpoint.tokenizer, stage, asked, 256, 512).to_pylist()
        for number, row in enumerate(ours):
            theirs = found[stage, compares, number]
            if stage == "base":
                assert theirs["log_probabilities"] == pytest.approx(
                    row["log_probabilities"], abs=1e-4
                )
            assert [option.strip() for option in theirs["options"]] == list(asked[number].answers)
            assert theirs["target"] == str(row["target"])
            assert not theirs["texts"]
        written = found[stage, "writes", 0]
        assert len(written["texts"]) == 1
        assert written["log_probabilities"] == []
        assert dict(written["metrics"])["exact_match"] in (0.0, 1.0)
    assert found["dpo", "writes", 0]["prompts"] == ["<|user|>What did 0 do?<|end|><|assistant|>"]
    rates = {
        (row["stage"], row["task"], row["metric"]): row["value"] for row in summary.to_pylist()
    }
    for stage in ("base", "dpo"):
        right = [dict(found[stage, compares, number]["metrics"])["acc"] for number in range(2)]
        assert rates[stage, compares, "acc"] == pytest.approx(sum(right) / 2)


@pytest.mark.slow
def test_an_unknown_task_is_one_clear_message(tmp_path: Path, checkpoint_folder: Path) -> None:
    (tmp_path / "tasks").mkdir()
    declared = job(tmp_path, checkpoint_folder, ["no_such_task_anywhere"])
    (tmp_path / "job.json").write_text(declared.model_dump_json())
    assert main([str(tmp_path / "job.json")]) == USER_ERROR
    message = (tmp_path / "work" / "error.txt").read_text()
    assert "no_such_task_anywhere" in message
    assert "\n" not in message


def test_data_that_are_not_here_are_one_clear_message(
    tmp_path: Path, checkpoint_folder: Path
) -> None:
    (tmp_path / "tasks").mkdir()
    (tmp_path / "tasks" / "writes.yaml").write_text(yaml.safe_dump(WRITES))
    with pytest.raises(DataError, match=r"harness: writes: .*FileNotFoundError"):
        run_tasks(job(tmp_path, checkpoint_folder, ["writes"]), Progress(tmp_path / "work"))


def test_without_the_extra_the_message_says_what_to_install(
    tmp_path: Path, checkpoint_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "lm_eval", None)
    with pytest.raises(AlignmentError, match=r"alignment-dagster\[harness\]"):
        run_tasks(job(tmp_path, checkpoint_folder, ["arc_easy"]), Progress(tmp_path / "work"))
