"""Tasks of lm-evaluation-harness over local files give items; code and hubs are refused."""

import csv
import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from alignment_dagster.evaluation.suites.items import Item
from alignment_dagster.evaluation.suites.loader import load_suite
from alignment_dagster.foundation.errors import AlignmentError
from tests.support.drill_items import SuiteMaker

ROWS: list[dict[str, Any]] = [
    {"story": "Two and two", "ends": ["four", "five"], "label": 0},
    {"story": "Night {{ 7 * 7 }} follows {0}", "ends": ["night", "day"], "label": 1},
]
TASK: dict[str, Any] = {
    "task": "sums",
    "output_type": "multiple_choice",
    "dataset_path": "json",
    "dataset_kwargs": {"data_files": {"test": "rows.jsonl"}},
    "test_split": "test",
    "doc_to_text": "{{story}} make",
    "doc_to_choice": "ends",
    "doc_to_target": "label",
    "metric_list": [{"metric": "acc"}],
}


class Task:
    """A task's YAML and its rows, below the suites of a test."""

    def __init__(self, make_suite: SuiteMaker, assets: Path) -> None:
        self._make, self._assets = make_suite, assets
        self.folder = assets / "suites"
        self.folder.mkdir(exist_ok=True)
        self.rows(ROWS)

    def rows(self, rows: list[dict[str, Any]]) -> None:
        text = "".join(json.dumps(row) + "\n" for row in rows)
        (self.folder / "rows.jsonl").write_text(text)

    def load(self, raw: bytes | None = None, **changes: Any) -> tuple[Item, ...]:
        written = raw or yaml.safe_dump({**TASK, **changes}).encode()
        suite = self._make(
            [written], reader="lm_eval_task", file="sums.yaml", suite={"kind": "capability"}
        )
        return load_suite(suite, self._assets)

    def refusal(self, raw: bytes | None = None, **changes: Any) -> str:
        with pytest.raises(AlignmentError) as caught:
            self.load(raw, **changes)
        return str(caught.value)


@pytest.fixture
def task(make_suite: SuiteMaker, tmp_path: Path) -> Task:
    return Task(make_suite, tmp_path)


def test_fields_and_templates_make_items(task: Task) -> None:
    first, second = task.load()
    assert (first.question, first.options, first.target) == (
        "Two and two make",
        ("four", "five"),
        0,
    )
    assert second.question == "Night {{ 7 * 7 }} follows {0} make"
    assert (second.target, second.topic) == (1, "sums")
    assert second.place.endswith("suites/rows.jsonl:2")


@pytest.mark.parametrize(
    "changes",
    [
        {"doc_to_choice": "{{ends}}"},
        {"doc_to_choice": "{{[ends[0], ends[1]]}}"},
        {"doc_to_target": "{{label}}"},
        {"doc_to_target": "{{ends[label]}}"},
        {"test_split": None, "validation_split": "test"},
        {"dataset_kwargs": {"data_files": {"test": ["rows.jsonl"]}}},
        {"dataset_kwargs": {"data_files": "rows.jsonl"}, "test_split": "train"},
        {"doc_to_text": "{{story|regex_replace('  +', ' ')}} make"},
    ],
)
def test_other_ways_of_saying_it_give_the_same_items(task: Task, changes: dict[str, Any]) -> None:
    expected = [item.item_id for item in task.load()]
    assert [item.item_id for item in task.load(**changes)] == expected


def test_constant_choices_and_a_base_file(task: Task) -> None:
    task.rows([{"story": "Two and two are four.", "label": "no"}])
    (task.folder / "base.yaml").write_text(yaml.safe_dump(TASK))
    own = {"include": "base.yaml", "doc_to_text": "story", "doc_to_choice": ["no", "yes"]}
    (item,) = task.load(yaml.safe_dump(own).encode())
    assert (item.question, item.options, item.target) == (
        "Two and two are four.",
        ("no", "yes"),
        0,
    )


def test_numbers_in_a_csv_file_are_numbers(task: Task) -> None:
    with (task.folder / "rows.csv").open("w", newline="") as handle:
        writer = csv.writer(handle)
        writer.writerows([["story", "a", "b", "label"], ["Two\nand two", "four", "five", 1]])
    (item,) = task.load(
        dataset_path="csv",
        dataset_kwargs={"data_files": {"test": "rows.csv"}},
        doc_to_choice="{{[a, b]}}",
        doc_to_target="{{1 - label}}",
    )
    assert (item.target, item.line) == (0, 2)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"output_type": "generate_until"}, "output_type: only `multiple_choice`"),
        ({"output_type": None}, "output_type: only `multiple_choice`"),
        ({"dataset_path": "super_glue"}, "dataset_path: only local data is read"),
        ({"process_docs": "utils.clean"}, "process_docs: this field is not supported"),
        ({"description": "Answer."}, "description: this field is not supported"),
        ({"num_fewshot": 5}, "num_fewshot: examples before the question"),
        ({"target_delimiter": "\n"}, "target_delimiter: options follow after one space"),
        ({"dataset_kwargs": {}}, "dataset_kwargs.data_files: this field is required"),
        ({"test_split": None}, "test_split: name the split"),
        ({"test_split": "dev"}, "data_files: there is no file for the split 'dev'"),
        ({"dataset_kwargs": {"data_files": "rows.jsonl"}}, "all rows are `train`"),
        ({"dataset_kwargs": {"data_files": {"test": "../x.jsonl"}}}, "must lie beside the task"),
        ({"dataset_kwargs": {"data_files": {"test": "no.jsonl"}}}, "there is no file"),
        ({"doc_to_text": None}, "doc_to_text: this field is required"),
        ({"include": "sums.yaml"}, "include: the task includes itself"),
    ],
)
def test_a_task_that_cannot_be_read_as_it_is_meant_is_refused(
    task: Task, changes: dict[str, Any], expected: str
) -> None:
    message = task.refusal(**changes)
    assert "suites/sums.yaml:" in message
    assert expected in message


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"doc_to_text": "{{storey}}"}, "doc_to_text: the template cannot be rendered: 'storey'"),
        ({"doc_to_text": "{{story"}, "doc_to_text: the template cannot be rendered"),
        ({"doc_to_text": "{{story.__class__.__mro__}}"}, "doc_to_text: the template cannot"),
        ({"doc_to_text": "{{label / 0}}"}, "doc_to_text: the template cannot be rendered"),
        ({"doc_to_text": "{{label}}"}, "doc_to_text: a number: tasks with one context"),
        ({"doc_to_choice": "{{story}}"}, "doc_to_choice: expected a list of texts"),
        ({"doc_to_choice": ["four"]}, "doc_to_choice: at least two options"),
        ({"doc_to_target": 2}, "doc_to_target: there is no option 2"),
        ({"doc_to_target": "{{ -1 }}"}, "doc_to_target: '-1' is none of the 2 options"),
        ({"doc_to_target": "{{'9' * 5000}}"}, "doc_to_target: '99999"),
        ({"doc_to_target": "{{'\u00b2'}}"}, "doc_to_target: '\u00b2' is none of the 2 options"),
        ({"doc_to_target": "{{[0, 1]}}"}, "doc_to_target: '[0, 1]' is none of the 2 options"),
        ({"doc_to_target": [0]}, "doc_to_target: expected the index of an option"),
        ({"doc_to_target": "story"}, "doc_to_target: 'Two and two' is none of the 2 options"),
    ],
)
def test_a_row_that_a_task_cannot_read_is_named(
    task: Task, changes: dict[str, Any], expected: str
) -> None:
    message = task.refusal(**changes)
    assert f"suites/rows.jsonl:1: {expected}" in message


@pytest.mark.parametrize(
    "template",
    [
        "{{ 'a' * 10 ** 10 }}",
        "{{ '%0999999999d' % 1 }}{{ '%0999999999d' % 2 }}",
        "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}x",
        "{{ ('a' * 40 + 'b') | regex_replace('(a+)+$', '') }}",
        "{{ 'a' * 2 ** 21 }}",
    ],
    ids=["memory", "format", "loop", "expression", "long"],
)
def test_a_template_that_takes_all_time_or_memory_is_stopped_and_named(
    task: Task, template: str
) -> None:
    message = task.refusal(doc_to_text=template)
    said = r"sums\.yaml:\d+: doc_to_text: the template (takes|gives) .* \(row 1\)$"
    assert re.search(said, message)
    assert task.load(), "the next one is rendered"


def test_code_is_refused_not_run(task: Task) -> None:
    (task.folder / "utils.py").write_text("raise SystemExit('ran')\n")
    raw = yaml.safe_dump(TASK) + "process_docs: !function utils.clean\n"
    message = task.refusal(raw.encode())
    assert "sums.yaml:" in message
    assert "`!function`: a task that runs code cannot be used" in message


def test_the_harness_reads_the_same_questions_and_labels(task: Task) -> None:
    """The reader against the harness itself, on every way of naming choices and targets."""
    pytest.importorskip("lm_eval")
    from lm_eval.api.task import ConfigurableTask

    ways: tuple[dict[str, Any], ...] = (
        {},
        {"doc_to_choice": "{{ends}}", "doc_to_target": "{{label}}"},
    )
    for changes in ways:
        items = task.load(**changes)
        files = {"data_files": {"test": str(task.folder / "rows.jsonl")}}
        config = {**TASK, **changes, "dataset_kwargs": files}
        harness = ConfigurableTask(config=config)
        docs = list(harness.test_docs())
        assert [harness.doc_to_text(doc) for doc in docs] == [item.question for item in items]
        assert [tuple(harness.doc_to_choice(doc)) for doc in docs] == [i.options for i in items]
        assert [harness.doc_to_target(doc) for doc in docs] == [item.target for item in items]
