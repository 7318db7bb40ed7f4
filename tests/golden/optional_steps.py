"""The steps that the tiny study leaves out: drift, classifier, duplicates, trunk, harness, gate.

Each is made once: of a source that moved, of a report after an approved one, of one checkpoint.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from alignment_dagster import chain
from alignment_dagster.evaluation.harness.installed import lm_eval_installed
from alignment_dagster.lineage.lake import Artifact
from alignment_dagster.lineage.partition_keys import replicate
from tests.support.audited_study import Audited
from tests.support.tiny_study import NAME, TREATED, write_jsonl, write_yaml

SOURCE, RECIPE, SEED = "stories", "aligned", 0
LEARNT = "speaks_of_ai"
OPTIONAL: Mapping[str, str | None] = {
    chain.CORPUS_DRIFT: SOURCE,
    chain.CLASSIFIER: LEARNT,
    chain.NEAR_DUPLICATES: None,
    chain.HARNESS: replicate(RECIPE, SEED),
    chain.REGRESSION_GATE: None,
    chain.TRUNK_CHECKPOINT: replicate(RECIPE, SEED),
}
"""Step → the partition that is pinned."""
REFRESH: dict[str, Any] = {
    "schedule": {"cron": "0 3 * * *"},
    "drift": {"volume": {"warn": 0.1}, "scores": {"warn": 0.1}},
    "gate": {"suites": ["articles"], "margin": 0.05},
}
BRANCH = {
    "name": "branch",
    "description": "d",
    "remainder": "natural",
    "trunk": {"recipe": RECIPE, "share": 0.5},
    # The trunk trains a value head, so whoever goes on from it has one.
    "objective": TREATED["objective"],
}
CLASSIFIER = {
    "name": LEARNT,
    "description": "News of AI against stories.",
    "tells": {"kind": "binary", "positive": "about_ai", "negative": "stories"},
    "sources": [
        {"source": "ai_news", "label": "about_ai"},
        {"source": "stories", "label": "stories"},
    ],
}
TASK = "writes"
FILES = "tasks"
WRITES = {
    "task": TASK,
    "dataset_path": "json",
    "dataset_kwargs": {"data_files": {"test": f"{TASK}.jsonl"}},
    "test_split": "test",
    "output_type": "multiple_choice",
    "doc_to_text": "question",
    "doc_to_choice": ["gate", "bread"],
    "doc_to_target": "answer",
    "metric_list": [{"metric": "acc", "aggregation": "mean", "higher_is_better": True}],
}


def make_optional(refreshed: Audited, folder: Path) -> list[Artifact]:
    """Make them in a copy of a study that was refreshed; the harness where it is installed."""
    made = refreshed.copy(folder)
    approved = next(one.version for one in made.archive.journal if one.asset == chain.EVAL_REPORT)
    reviewer = ("--reviewer", "ada", "--decision", "approved", "--note", "n")
    _run(made, "audit", "approve", NAME, approved, *reviewer)
    made.study.change(refresh=REFRESH)
    _run(made, "run", NAME)
    stories = made.study.data / f"{SOURCE}.jsonl"
    texts = [json.loads(line)["text"] for line in stories.read_text().splitlines()]
    more = [f"{text} The inspector of the lighthouse came by." for text in texts[:60]]
    write_jsonl(stories, [{"text": text} for text in (*texts, *more)])
    made.study.change(near_duplicates={"threshold": 0.7, "shingle": 3})
    _run(made, "run", NAME, "--to", chain.NEAR_DUPLICATES)
    write_yaml(made.study.assets / "classifiers" / f"{LEARNT}.yaml", CLASSIFIER)
    made.study.change(classifiers=[LEARNT])
    _run(made, "run", NAME, "--from", chain.CLASSIFIER, "--to", chain.CLASSIFIER)
    made.study.write("recipes/branch", BRANCH)
    made.study.change(recipes=["unfiltered", RECIPE, "branch"])
    of_one = ("--recipe", RECIPE, "--seed", str(SEED))
    _run(
        made, "run", NAME, "--from", chain.TRUNK_CHECKPOINT, "--to", chain.TRUNK_CHECKPOINT, *of_one
    )
    if lm_eval_installed():
        tasks = made.study.assets / "suites" / FILES
        write_yaml(tasks / f"{TASK}.yaml", WRITES)
        rows = [{"question": f"Ann mended the {n}", "answer": n % 2} for n in range(3)]
        write_jsonl(tasks / f"{TASK}.jsonl", rows)
        made.study.change(harness={"tasks": [TASK], "include_path": FILES})
        _run(made, "run", NAME, "--from", chain.HARNESS, "--to", chain.HARNESS, *of_one)
    return [
        made.archive.current(asset, partition)
        for asset, partition in OPTIONAL.items()
        if asset != chain.HARNESS or lm_eval_installed()
    ]


def _run(made: Audited, *arguments: str) -> None:
    done = made.command(*arguments)
    assert done.returncode == 0, done.stderr
