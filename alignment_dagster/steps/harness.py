"""`harness`: tasks of lm-evaluation-harness on every checkpoint, where a study declares them."""

from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow.parquet as pq

from alignment_dagster.steps.pages import charts
from alignment_dagster.foundation.yaml_models import shown
from alignment_dagster.steps import post_trained_checkpoint, pretrained_checkpoint
from alignment_dagster.steps.pretrained_checkpoint import numbers
from alignment_dagster.foundation.digests import sha256_file, sha256_json
from alignment_dagster.foundation.errors import DeclarationError
from alignment_dagster.evaluation.harness.installed import lm_eval_installed
from alignment_dagster.evaluation.harness.job import HarnessJob
from alignment_dagster.defs.asset_factory import definitions
from alignment_dagster.graph.materialize import Making
from alignment_dagster.steps.pages.tables import drawing, table
from alignment_dagster.graph.step import Made, Partition, Step, Wanted, by_recipe_and_seed
from alignment_dagster.lineage.metric import Data, Measured
from alignment_dagster.lineage.lake import Artifact
from alignment_dagster.lineage.provenance import Check
from alignment_dagster.study import Harness, Study

MODULE = "alignment_dagster.evaluation.harness.adapter"
SAMPLES = "samples.parquet"
SUMMARY = "summary.parquet"
STAGES = ("base", "sft", "dpo")


def harness(study: Study) -> Harness | None:
    """What the study declares."""
    return study.declaration.harness


def partitions(study: Study) -> tuple[str, ...]:
    """One partition a checkpoint; none where no tasks are declared or nothing can run them."""
    return by_recipe_and_seed(study) if harness(study) and lm_eval_installed() else ()


def tasks_folder(study: Study) -> Path | None:
    """The declared folder of task files.

    Raises:
        DeclarationError: if it is not there, or leads out of `assets/suites`.
    """
    declared = harness(study)
    if declared is None or declared.include_path is None:
        return None
    suites = (study.assets / "suites").resolve()
    folder = (suites / declared.include_path).resolve()
    if not folder.is_relative_to(suites) or not folder.is_dir():
        place = f"study {study.name}: harness.include_path"
        raise DeclarationError(f"{place}: there is no folder {shown(folder)} in {shown(suites)}")
    return folder


def build(making: Making) -> Made:
    """Run the tasks in a process of its own."""
    base = making.parents.one("pretrained_checkpoint")
    tuned = making.parents.one("post_trained_checkpoint")
    folder = tasks_folder(making.study)
    job = HarnessJob(
        checkpoints={
            "base": str(base.path / "model"),
            "sft": str(tuned.path / "sft"),
            "dpo": str(tuned.path / "dpo"),
        },
        harness=harness(making.study),  # type: ignore[arg-type]
        include_path=str(folder) if folder else None,
        sequence_length=making.study.declaration.mix.sequence_length,
        output=str(making.folder),
        work=str(making.work),
    )
    measured = making.run_job(MODULE, job, base)
    summary = pq.read_table(making.folder / SUMMARY).to_pylist()
    digests = _digests(making.folder / SAMPLES)
    models = {**base.provenance.models, **tuned.provenance.models}
    making.log(
        Measured(
            f"harness/{row['task']}/{row['metric']}/{row['stage']}",
            row["value"],
            data=Data(row["task"], digests.get(row["task"], sha256_json(sorted(digests.items())))),
            model_id=models[row["stage"]],
        )
        for row in summary
    )
    return Made((_measured(summary),), measured)


def _digests(samples: Path) -> dict[str, str]:
    """Task → digest of everything it asked; a group has the digest of all its tasks."""
    asked: dict[str, list[Any]] = {}
    columns = ["stage", "task", "prompts", "options"]
    for row in pq.read_table(samples, columns=columns).to_pylist():
        if row["stage"] == STAGES[0]:
            asked.setdefault(row["task"], []).append([row["prompts"], row["options"]])
    return {task: sha256_json(content) for task, content in asked.items()}


def _measured(summary: list[dict[str, Any]]) -> Check:
    found = {(row["task"], row["stage"]) for row in summary}
    tasks = dict.fromkeys(row["task"] for row in summary)
    wanted = [(task, stage) for task in tasks for stage in STAGES]
    missing = [f"{task} at {stage}" for task, stage in wanted if (task, stage) not in found]
    return Check(
        name="all_stages_measured",
        passed=bool(tasks) and not missing,
        summary=f"no result for {', '.join(missing)}." if missing else f"{len(summary)} results.",
    )


def describe(_study: Study, artifact: Artifact) -> Mapping[str, Any]:
    """Every task's numbers."""
    rows = pq.read_table(artifact.path / SUMMARY).to_pylist()
    columns = ["task", "stage", "metric", "filter", "value", "samples"]
    values = {f"{row['task']} {row['stage']} {row['metric']}": row["value"] for row in rows}
    plot = charts.shares(values, "each task's number")
    return {
        "plot": drawing(plot, "results"),
        "dagster/row_count": pq.read_metadata(artifact.path / SAMPLES).num_rows,
        "results": dg.MetadataValue.md(table(rows, columns)),
        **numbers(artifact),
    }


def wants(_study: Study, partition: Partition) -> tuple[Wanted, ...]:
    """Both checkpoints of this recipe and seed."""
    return (
        Wanted("pretrained_checkpoint", partition),
        Wanted("post_trained_checkpoint", partition),
    )


def declared(study: Study, _partition: Partition) -> Mapping[str, Any]:
    """The tasks and the context of the models."""
    tasks = harness(study)
    return {
        "harness": tasks.model_dump(mode="json") if tasks else None,
        "sequence_length": study.declaration.mix.sequence_length,
    }


def outside(study: Study, _partition: Partition) -> Mapping[str, str]:
    """The harness's version, which holds its tasks, and the files of local ones."""
    try:
        installed = version("lm-eval")
    except PackageNotFoundError:
        installed = "not installed"
    folder = tasks_folder(study)
    files = [] if folder is None else [path for path in folder.rglob("*") if path.is_file()]
    listed = {
        path.relative_to(folder).as_posix(): sha256_file(path)
        for path in sorted(files)
        if folder is not None and "__pycache__" not in path.parts
    }
    return {"lm-eval": installed, "task_files": sha256_json(listed)}


STEP = Step(
    asset="harness",
    group="4_evaluation",
    kinds=frozenset({"pytorch", "parquet"}),
    description=(
        "The declared tasks of lm-evaluation-harness with the base, SFT and DPO models: every "
        "sample's log-probabilities or text, and the tasks' metrics."
    ),
    code=("evaluation/harness/adapter.py", "steps/harness.py"),
    partitions=partitions,
    wants=wants,
    declared=declared,
    outside=outside,
    build=build,
    describe=describe,
    checks={"all_stages_measured": "Every stage has a result."},
)


@dg.definitions
def defs() -> dg.Definitions:
    """The asset in every study that declares tasks."""
    return definitions(STEP, upstream=[pretrained_checkpoint.STEP, post_trained_checkpoint.STEP])
