"""`harness`: tasks of lm-evaluation-harness on every checkpoint, where a study declares them."""

from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from alignment_dagster import chain
from alignment_dagster.evaluation.harness.installed import lm_eval_installed
from alignment_dagster.evaluation.harness.job import HarnessJob
from alignment_dagster.foundation.digests import sha256_file, sha256_json
from alignment_dagster.foundation.errors import DeclarationError
from alignment_dagster.foundation.yaml_models import shown
from alignment_dagster.graph.build_context import BuildContext
from alignment_dagster.graph.parent_spec import ParentSpec
from alignment_dagster.graph.step import BuildResult, Step
from alignment_dagster.lineage import file_names
from alignment_dagster.lineage.metric import Dataset, Metric
from alignment_dagster.lineage.partition_keys import Partition
from alignment_dagster.lineage.provenance import Check
from alignment_dagster.steps.pages.harness import page_metadata
from alignment_dagster.study import Harness, Study

MODULE = "alignment_dagster.evaluation.harness.adapter"
FIRST = "base"


def harness(study: Study) -> Harness | None:
    """What the study declares."""
    return study.declaration.harness


def is_declared(study: Study) -> bool:
    """Whether the study declares any, and they can be run here."""
    return harness(study) is not None and lm_eval_installed()


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


def build(context: BuildContext) -> BuildResult:
    """Run the tasks in a process of its own."""
    base = context.parents.one(chain.PRETRAINED_CHECKPOINT)
    tuned = context.parents.one(chain.POST_TRAINED_CHECKPOINT)
    folder = tasks_folder(context.study)
    stages = context.study.declaration.post_training.stages
    job = HarnessJob(
        checkpoints={
            FIRST: str(base.path / "model"),
            **{stage: str(tuned.path / stage) for stage in stages},
        },
        harness=harness(context.study),  # type: ignore[arg-type]
        include_path=str(folder) if folder else None,
        sequence_length=context.study.declaration.mix.sequence_length,
        output=str(context.folder),
        work=str(context.work),
    )
    measured = context.run_job(MODULE, job, base)
    summary = pq.read_table(context.folder / file_names.SUMMARY).to_pylist()
    digests = _digests(context.folder / file_names.SAMPLES)
    models = {**base.provenance.models, **tuned.provenance.models}
    context.log(
        Metric(
            f"harness/{row['task']}/{row['metric']}/{row['stage']}",
            row["value"],
            data=Dataset(
                row["task"], digests.get(row["task"], sha256_json(sorted(digests.items())))
            ),
            model_id=models[row["stage"]],
        )
        for row in summary
    )
    return BuildResult((_measured(summary, (FIRST, *stages)),), measured)


def _digests(samples: Path) -> dict[str, str]:
    """Task → digest of everything it asked; a group has the digest of all its tasks."""
    asked: dict[str, list[Any]] = {}
    columns = ["stage", "task", "prompts", "options"]
    for row in pq.read_table(samples, columns=columns).to_pylist():
        if row["stage"] == FIRST:
            asked.setdefault(row["task"], []).append([row["prompts"], row["options"]])
    return {task: sha256_json(content) for task, content in asked.items()}


def _measured(summary: list[dict[str, Any]], stages: tuple[str, ...]) -> Check:
    found = {(row["task"], row["stage"]) for row in summary}
    tasks = dict.fromkeys(row["task"] for row in summary)
    wanted = [(task, stage) for task in tasks for stage in stages]
    missing = [f"{task} at {stage}" for task, stage in wanted if (task, stage) not in found]
    return Check(
        name="all_stages_measured",
        passed=bool(tasks) and not missing,
        summary=f"no result for {', '.join(missing)}." if missing else f"{len(summary)} results.",
    )


def parents(_study: Study, partition: Partition) -> tuple[ParentSpec, ...]:
    """Both checkpoints of this recipe and seed."""
    return (
        ParentSpec(chain.PRETRAINED_CHECKPOINT, partition),
        ParentSpec(chain.POST_TRAINED_CHECKPOINT, partition),
    )


def config(study: Study, _partition: Partition) -> Mapping[str, Any]:
    """The tasks and the context of the models."""
    tasks = harness(study)
    return {
        "harness": tasks.model_dump(mode="json") if tasks else None,
        "sequence_length": study.declaration.mix.sequence_length,
    }


def external_inputs(study: Study, _partition: Partition) -> Mapping[str, str]:
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
    asset=chain.HARNESS,
    kinds=frozenset({"pytorch", "parquet"}),
    description=(
        "The declared tasks of lm-evaluation-harness with the base model and after each stage of "
        "post-training: every sample's log-probabilities or text, and the tasks' metrics."
    ),
    code_version="1",
    modules=("evaluation/harness/adapter.py", "steps/harness.py"),
    parents=parents,
    config=config,
    external_inputs=external_inputs,
    build=build,
    page_metadata=page_metadata,
    exists=is_declared,
    checks={"all_stages_measured": "Every stage has a result."},
)
