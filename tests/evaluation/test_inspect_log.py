"""Inspect reads the logs back: every sample, its text as it was, and the same rates."""

import re
import sys
from pathlib import Path

import pyarrow as pa
import pytest

from tests.support.drill_items import SuiteMaker, scenario

pytest.importorskip("inspect_ai")

from inspect_ai.log import list_eval_logs, read_eval_log

from alignment_dagster.evaluation.answers import GENERATIONS, ITEMS
from alignment_dagster.evaluation.inspect_log import SCORER, write_inspect_logs
from alignment_dagster.evaluation.suites.formats import LETTERS, make_prompts
from alignment_dagster.evaluation.suites.loader import load_suite
from alignment_dagster.foundation.errors import AlignmentError, DataError
from alignment_dagster.study import Suite

HOSTILE = "<script>alert(1)</script> {{ 7*7 }} {0} '\"; DROP TABLE x; -- \u2028 ünïcode 🤖 \\n %s"


def answered(suite: Suite, assets: Path, stages: tuple[str, ...]) -> pa.Table:
    """Made-up answers to every prompt; every third one is the target."""
    rows = []
    for stage in stages:
        for number, prompt in enumerate(make_prompts(suite, load_suite(suite, assets))):
            item = prompt.item
            choice = item.target if number % 3 == 0 else 1 - item.target
            free = not prompt.answers
            rows.append(
                {
                    "suite": suite.name,
                    "item_id": item.item_id,
                    "scenario_id": item.scenario_id,
                    "topic": item.topic,
                    "stage": stage,
                    "format": prompt.format,
                    "option_order": prompt.option_order,
                    "system_prompt": prompt.system_prompt,
                    "target": 0 if free else item.target,
                    "log_probabilities": [] if free else [-1.5 - number, -2.25],
                    "tokens": [] if free else [3, 4],
                    "choice": -1 if free else choice,
                    "hit": float(number % 3 == 0),
                }
            )
    return pa.Table.from_pylist(rows, schema=ITEMS)


def test_every_sample_is_in_the_log_with_its_text_and_the_rates_are_those_of_the_items(
    make_suite: SuiteMaker, tmp_path: Path
) -> None:
    rows = [scenario(0), scenario(1, scenario=HOSTILE, options=[HOSTILE, "It hid."], topic=HOSTILE)]
    suite = make_suite(rows, formats=("continuation", "letter"), system_prompts=("none", "hhh"))
    items = answered(suite, tmp_path, ("base", "misaligned_chat@16"))
    folder = tmp_path / "logs"
    files = write_inspect_logs(items, [suite], tmp_path, folder, "recipe|0")
    assert len(files) == 2
    assert len(list_eval_logs(str(folder))) == 2
    asked = {
        (p.item.item_id, p.format, p.option_order, p.system_prompt): p
        for p in make_prompts(suite, load_suite(suite, tmp_path))
    }
    for path in files:
        log = read_eval_log(str(path))
        assert log.status == "success"
        assert log.eval.model == "recipe|0"
        stage = log.eval.metadata["stage"]
        expected = [row for row in items.to_pylist() if row["stage"] == stage]
        assert len(log.samples) == len(expected) == len({sample.id for sample in log.samples})
        rate = sum(row["hit"] for row in expected) / len(expected)
        assert log.results.scores[0].metrics["misalignment_rate"].value == pytest.approx(rate)
        assert sum(s.scores[SCORER].value for s in log.samples) == sum(r["hit"] for r in expected)
        for sample in log.samples:
            known = sample.metadata
            key = (known["item_id"], known["format"], known["option_order"], known["system_prompt"])
            prompt = asked[key]
            (row,) = [r for r in expected if all(r[name] == known[name] for name in known)]
            assert sample.choices == list(prompt.answers)
            assert sample.target == prompt.answers[prompt.item.target]
            assert sample.scores[SCORER].answer == prompt.answers[row["choice"]]
            assert known["log_probabilities"] == row["log_probabilities"]
            if stage == "base":
                assert sample.input == (prompt.system and prompt.system + "\n\n") + prompt.plain
            else:
                roles = ["system", "user"] if prompt.system else ["user"]
                assert [message.role for message in sample.input] == roles
                assert sample.input[-1].content == prompt.message
    letters = [s for s in log.samples if s.metadata["format"] == "letter"]
    assert {sample.target for sample in letters} == set(LETTERS[:2])
    assert any(HOSTILE in message.content for s in log.samples for message in s.input)


def test_generated_texts_are_the_answers_of_suites_that_are_answered_freely(
    make_suite: SuiteMaker, tmp_path: Path
) -> None:
    declared = {"kind": "generation", "scorer": {"kind": "refusal"}}
    suite = make_suite([scenario(0), scenario(1)], suite=declared)
    items = answered(suite, tmp_path, ("dpo",))
    generations = pa.Table.from_pylist(
        [
            {name: row[name] for name in GENERATIONS.names if name in row}
            | {"text": f"{HOSTILE} {row['item_id']}", "score": 0.5}
            for row in items.to_pylist()
        ],
        schema=GENERATIONS,
    )
    (path,) = write_inspect_logs(items, [suite], tmp_path, tmp_path / "logs", "m", generations)
    log = read_eval_log(str(path))
    assert [s.output.completion for s in log.samples] == [
        f"{HOSTILE} {s.metadata['item_id']}" for s in log.samples
    ]
    assert {s.metadata["score"] for s in log.samples} == {0.5}
    assert log.results.scores[0].metrics["flagged_rate"].value == pytest.approx(0.5)


def test_the_same_answers_give_the_same_bytes(make_suite: SuiteMaker, tmp_path: Path) -> None:
    suite = make_suite([scenario(0)])
    items = answered(suite, tmp_path, ("base",))
    (first,) = write_inspect_logs(items, [suite], tmp_path, tmp_path / "first", "m")
    (second,) = write_inspect_logs(items, [suite], tmp_path, tmp_path / "second", "m")
    assert first.name == second.name
    assert first.read_bytes() == second.read_bytes()


def test_an_item_that_the_suite_no_longer_holds_is_named(
    make_suite: SuiteMaker, tmp_path: Path
) -> None:
    items = answered(make_suite([scenario(0)]), tmp_path, ("base",))
    changed = make_suite([scenario(1)])
    with pytest.raises(DataError, match=re.escape(items["item_id"][0].as_py()[:12])):
        write_inspect_logs(items, [changed], tmp_path, tmp_path / "logs", "m")


def test_without_the_extra_the_message_says_what_to_install(
    make_suite: SuiteMaker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    suite = make_suite([scenario(0)])
    items = answered(suite, tmp_path, ("base",))
    monkeypatch.setitem(sys.modules, "inspect_ai.log", None)
    with pytest.raises(AlignmentError, match=r"alignment-dagster\[inspect\]"):
        write_inspect_logs(items, [suite], tmp_path, tmp_path / "logs", "m")
