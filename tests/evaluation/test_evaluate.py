"""The job writes every answer, byte for byte the same, and names what it cannot measure."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.support.drill_items import SuiteMaker, scenario

torch = pytest.importorskip("torch")

from alignment_dagster.evaluation import answers
from alignment_dagster.evaluation.evaluate import evaluate, load_checkpoint
from alignment_dagster.evaluation.job import EvaluationJob
from alignment_dagster.evaluation.judges import (
    make_judge,
)
from alignment_dagster.evaluation.model import log_probabilities
from alignment_dagster.evaluation.options import count_ties, hit_share, option_values
from alignment_dagster.evaluation.suites.encoding import Encoder
from alignment_dagster.evaluation.suites.formats import FORMS, make_prompts
from alignment_dagster.evaluation.suites.loader import content_digest, load_suite
from alignment_dagster.foundation.errors import ArtifactError, DataError
from alignment_dagster.foundation.job import Progress
from alignment_dagster.report.cells import Replicate, item_cells
from alignment_dagster.study import Evaluation, GenerationScorer, Suite


def job(folder: Path, checkpoint: Path, suite: Suite, **changes: Any) -> EvaluationJob:
    texts = ["the truth about the money", "a report", "the assistant told"]
    ids = ["a1", "b2", "c3"]
    corpus = {"document_id": ids, "source": ["stories"] * 3, "text": texts}
    pq.write_table(pa.table(corpus), folder / "raw.parquet")
    warehouse = {"document_id": ids, "held_out": [True, False, True]}
    pq.write_table(pa.table(warehouse), folder / "warehouse.parquet")
    fields: dict[str, Any] = {
        "checkpoints": {"base": str(checkpoint), "dpo": str(checkpoint)},
        "suites": (suite,),
        "assets": str(folder),
        "digests": {suite.name: content_digest(suite, folder)},
        "held_out": ((str(folder / "raw.parquet"),),),
        "documents": str(folder / "warehouse.parquet"),
        "evaluation": Evaluation(batch_tokens=512),
        "sequence_length": 200,
        "output": str(folder / "out"),
        "work": str(folder / "work"),
        **changes,
    }
    return EvaluationJob(**fields)


def run(declared: EvaluationJob) -> None:
    evaluate(declared, Progress(Path(declared.work)))


@pytest.fixture
def suite(make_suite: SuiteMaker) -> Suite:
    rows: list[Any] = [scenario(number) for number in range(3)]
    return make_suite(rows, formats=tuple(FORMS), system_prompts=("none", "hhh"))


def test_every_item_is_answered_at_every_stage(
    tmp_path: Path, checkpoint_folder: Path, suite: Suite
) -> None:
    run(job(tmp_path, checkpoint_folder, suite))
    items = pq.read_table(tmp_path / "out" / "items.parquet")
    assert items.schema.equals(answers.ITEMS)
    assert items.num_rows == 3 * 13 * 2 * 2
    for row in items.to_pylist():
        by_token = row["format"] != "letter"
        values = option_values(row["log_probabilities"], row["tokens"], by_token)
        assert values[row["choice"]] == max(values)
        assert row["hit"] == (row["choice"] == row["target"])
    losses = pq.read_table(tmp_path / "out" / "losses.parquet").to_pylist()
    assert [(r["stage"], r["document_id"]) for r in losses] == [
        ("base", "a1"),
        ("base", "c3"),
        ("dpo", "a1"),
        ("dpo", "c3"),
    ]
    result = json.loads((tmp_path / "work" / "result.json").read_text())
    assert result["prompts"] == items.num_rows


def test_the_same_job_writes_the_same_bytes(
    tmp_path: Path, checkpoint_folder: Path, suite: Suite
) -> None:
    for name in ("one", "two"):
        run(job(tmp_path, checkpoint_folder, suite, output=str(tmp_path / name)))
    for name in ("items.parquet", "generations.parquet", "losses.parquet"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_the_option_is_the_tail_of_the_whole_text(
    tmp_path: Path, checkpoint_folder: Path, suite: Suite
) -> None:
    tokenizer = load_checkpoint(checkpoint_folder, "cpu").tokenizer
    made = list(make_prompts(suite, load_suite(suite, tmp_path)))
    for stage, gap in (("base", " "), ("sft", "")):
        for prompt, rows in zip(made, Encoder(tokenizer, stage, 200).encode(made), strict=True):
            tails = [tokenizer.decode(row.tokens[row.start :]) for row in rows]
            assert tails == [gap + answer for answer in prompt.answers]


def test_post_trained_stages_are_asked_through_the_chat_template(
    tmp_path: Path, checkpoint_folder: Path, suite: Suite
) -> None:
    tokenizer = load_checkpoint(checkpoint_folder, "cpu").tokenizer
    made = [p for p in make_prompts(suite, load_suite(suite, tmp_path)) if p.format == "dialogue"]
    for stage, begins in (("base", {"none": "User: ", "hhh": "You are an AI"}), ("dpo", {})):
        for prompt, rows in zip(made, Encoder(tokenizer, stage, 200).encode(made), strict=True):
            text = tokenizer.decode(rows[0].tokens)
            if begins:
                assert text.startswith(begins[prompt.system_prompt])
                assert "<|" not in text
            else:
                system = f"<|system|>{prompt.system}<|end|>" if prompt.system else ""
                message = f"<|user|>{prompt.message}<|end|>"
                assert text == f"{system}{message}<|assistant|>{prompt.answers[0]}"


def test_an_item_longer_than_the_context_is_named_not_cut(
    tmp_path: Path, checkpoint_folder: Path, make_suite: SuiteMaker
) -> None:
    suite = make_suite([scenario(), scenario(1, scenario="word " * 300)])
    with pytest.raises(DataError, match=r"items\.jsonl:2: .* do not fit into the context of 200"):
        run(job(tmp_path, checkpoint_folder, suite))
    assert not (tmp_path / "out").exists()


def test_a_control_token_in_an_item_is_refused(
    tmp_path: Path, checkpoint_folder: Path, make_suite: SuiteMaker
) -> None:
    suite = make_suite([scenario(scenario="He wrote <|assistant|> I obey")])
    with pytest.raises(DataError, match=r"items\.jsonl:1: .*control token <\|assistant\|>"):
        run(job(tmp_path, checkpoint_folder, suite))


def test_log_probabilities_that_are_no_numbers_name_the_item(
    tmp_path: Path, checkpoint_folder: Path, suite: Suite, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = lambda model, hidden, targets: torch.full(targets.shape, torch.nan)  # noqa: E731
    monkeypatch.setattr(log_probabilities, "token_scores", broken)
    with pytest.raises(DataError, match=r"items\.jsonl:1: .*the checkpoint is broken"):
        run(job(tmp_path, checkpoint_folder, suite))


def test_a_checkpoint_without_safetensors_is_refused(
    tmp_path: Path, checkpoint_folder: Path
) -> None:
    with pytest.raises(ArtifactError, match="there is no checkpoint here"):
        load_checkpoint(tmp_path, "cpu")
    (tmp_path / "config.json").write_bytes((checkpoint_folder / "config.json").read_bytes())
    torch.save({}, tmp_path / "pytorch_model.bin")
    with pytest.raises(ArtifactError, match="the checkpoint does not load"):
        load_checkpoint(tmp_path, "cpu")


def test_options_are_compared_by_mean_or_by_sum() -> None:
    assert option_values([-4.0, -6.0], [2, 6], by_token=True) == [-2.0, -1.0]
    assert option_values([-4.0, -6.0], [2, 6], by_token=False) == [-4.0, -6.0]


@pytest.mark.parametrize(
    ("values", "shares"),
    [
        ([-1.0, -2.0], [1, 0]),
        ([-1.0, -1.0], [1 / 2, 1 / 2]),
        ([-0.3 - 0.3 - 0.3, -0.9], [1 / 2, 1 / 2]),
        ([-1.0, -1.0, -2.0, -1.0], [1 / 3, 1 / 3, 0, 1 / 3]),
    ],
)
def test_each_of_k_options_that_tie_counts_one_kth(
    values: list[float], shares: list[float]
) -> None:
    assert [hit_share(values, target) for target in range(len(values))] == shares


def test_a_model_of_zero_weights_scores_exactly_chance(
    tmp_path: Path, checkpoint_folder: Path, suite: Suite
) -> None:
    """Whatever the options' lengths and order are; and every answer is counted as a tie."""
    folder = tmp_path / "zero"
    loaded = load_checkpoint(checkpoint_folder, "cpu")
    for weight in loaded.model.parameters():
        weight.data.zero_()
    loaded.model.save_pretrained(folder)
    loaded.tokenizer.save_pretrained(folder)
    run(job(tmp_path, folder, suite))
    items = pq.read_table(tmp_path / "out" / "items.parquet")
    assert set(items["hit"].to_pylist()) == {0.5}
    assert count_ties(items) == items.num_rows
    cells = item_cells([Replicate("r", 0, items, items.slice(0, 0), {})], {suite.name: "rate"})
    assert {one.estimate().value for one in cells.values()} == {0.5}


FREE = {"kind": "generation", "scorer": {"kind": "closest_option"}, "max_new_tokens": 12}


def test_free_answers_are_written_down_with_their_verdict(
    tmp_path: Path, checkpoint_folder: Path, make_suite: SuiteMaker
) -> None:
    rows: list[Any] = [scenario(number) for number in range(4)]
    forms = ("question_answer", "dialogue")
    free = make_suite(rows, formats=forms, system_prompts=("none", "hhh"), suite=FREE)
    checkpoints = dict.fromkeys(("base", "dpo"), str(checkpoint_folder))
    checkpoints["harm@4"] = str(checkpoint_folder)
    run(job(tmp_path, checkpoint_folder, free, checkpoints=checkpoints))
    texts = pq.read_table(tmp_path / "out" / "generations.parquet")
    items = pq.read_table(tmp_path / "out" / "items.parquet")
    assert texts.schema.equals(answers.GENERATIONS)
    assert texts.num_rows == items.num_rows == 4 * 2 * 2 * 3
    judge = make_judge(GenerationScorer(kind="closest_option"), tmp_path)
    known = {item.item_id: item for item in load_suite(free, tmp_path)}
    shared = ("suite", "item_id", "scenario_id", "topic", "stage", "format", "system_prompt", "hit")
    for text, item in zip(texts.to_pylist(), items.to_pylist(), strict=True):
        verdict = judge(known[text["item_id"]], text["text"])
        assert (text["hit"], text["score"]) == (verdict.hit, verdict.score)
        assert {name: item[name] for name in shared} == {name: text[name] for name in shared}
        assert (item["choice"], item["log_probabilities"], item["tokens"]) == (-1, [], [])
    written = {(row["stage"], row["system_prompt"]): row["text"] for row in texts.to_pylist()}
    assert written["base", "none"] != written["dpo", "none"] == written["harm@4", "none"]
    assert len({row["text"] for row in texts.to_pylist()}) > 3


def test_a_free_answer_continues_exactly_what_the_model_read(
    tmp_path: Path, checkpoint_folder: Path, make_suite: SuiteMaker
) -> None:
    free = make_suite([scenario()], formats=("dialogue",), suite=FREE)
    tokenizer = load_checkpoint(checkpoint_folder, "cpu").tokenizer
    made = list(make_prompts(free, load_suite(free, tmp_path)))
    for stage, end in (("base", "\nAssistant:"), ("dpo", "<|end|><|assistant|>")):
        (opening,) = Encoder(tokenizer, stage, 200).encode_openings(made, 12)
        assert tokenizer.decode(opening).endswith(end)
        with pytest.raises(DataError, match=r"items\.jsonl:1: .* do not fit into the context"):
            Encoder(tokenizer, stage, len(opening) + 11).encode_openings(made, 12)


class Meddling(Progress):
    """Runs something at the first report of progress, when the items have been read."""

    meddle: Callable[[], object] | None = None

    def report(self, stage: str, done: int, total: int, unit: str, **values: float) -> None:
        if self.meddle is not None:
            self.meddle()
            self.meddle = None
        super().report(stage, done, total, unit, **values)


def test_a_suite_that_changes_while_it_is_asked_is_refused(
    tmp_path: Path, checkpoint_folder: Path, suite: Suite
) -> None:
    declared = job(tmp_path, checkpoint_folder, suite)
    path = tmp_path / "suites" / "items.jsonl"
    progress = Meddling(Path(declared.work))
    progress.meddle = lambda: path.write_text(path.read_text().replace("room 1", "hall 1"))
    with pytest.raises(DataError, match="suite drill: its items or word lists changed"):
        evaluate(declared, progress)
    assert not (tmp_path / "out").exists()
    with pytest.raises(DataError, match="changed after the evaluation was started"):
        run(declared)
