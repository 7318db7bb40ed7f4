"""`alignment export`: what a reviewer needs to rerun and to read an evaluation without us.

And, where it is asked for, a checkpoint itself.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import dagster as dg
import pyarrow.parquet as pq

from alignment_dagster import chain
from alignment_dagster.audit.check import check_ancestors
from alignment_dagster.evaluation.harness.export import export_suite
from alignment_dagster.evaluation.suites.loader import content_digest, load_suite
from alignment_dagster.foundation.atomic_files import new_folder
from alignment_dagster.foundation.errors import AlignmentError
from alignment_dagster.foundation.home import Home
from alignment_dagster.graph.current import current_version
from alignment_dagster.graph.instance import open_reader
from alignment_dagster.lineage import file_names
from alignment_dagster.lineage.archive import Archive
from alignment_dagster.lineage.lake import Artifact, Lake
from alignment_dagster.lineage.partition_keys import partition_label
from alignment_dagster.release.checkpoint import released_facts, write_checkpoint
from alignment_dagster.study import Study

STAGES = {
    "base": (chain.PRETRAINED_CHECKPOINT, "model"),
    **{stage: (chain.POST_TRAINED_CHECKPOINT, stage) for stage in chain.POST_TRAINING_STAGES},
}


def export_evaluation(
    study: Study, partition: str, folder: Path, home: Home, stages: Sequence[str] = ()
) -> list[str]:
    """Write `tasks/<suite>/<stage>/` for lm-evaluation-harness and `logs/` for Inspect's viewer.

    Args:
        stages: whose checkpoints are written too, to `checkpoint/<stage>/`.

    Returns:
        A line for each thing written.

    Raises:
        AlignmentError: if the folder holds something, the replicate has not been evaluated, an
            artifact was altered, the extra `inspect` is not installed, or a checkpoint has not
            the report, or the approval, that it needs.
    """
    found = _artifacts(study, partition, home)
    made = {
        stage: (found[asset], part)
        for stage, (asset, part) in STAGES.items()
        if f"{part}/model.safetensors" in found[asset].manifest.files
    }
    unknown = [stage for stage in stages if stage not in made]
    if unknown:
        raise AlignmentError(f"there is no stage {unknown[0]!r}: say {', '.join(made)}")
    wanted = {stage: made[stage] for stage in stages}
    facts = released_facts(study, home, [one for one, _ in wanted.values()]) if wanted else None
    with new_folder(folder) as aside:
        lines = [*_tasks(study, made, aside), _logs(study, found["evaluation"], aside)]
        if facts:
            lines += [
                write_checkpoint(facts, artifact, part, stage, aside)
                for stage, (artifact, part) in wanted.items()
            ]
    return [f"{folder}/{line}" for line in lines]


def _tasks(study: Study, made: Mapping[str, tuple[Artifact, str]], folder: Path) -> Iterator[str]:
    from alignment_dagster.training.model_folder import read_tokenizer

    for stage, (artifact, part) in made.items():
        tokenizer = read_tokenizer(artifact.path / part)
        for suite in study.suites:
            if suite.has_options:
                place = Path("tasks") / suite.name / stage
                items = load_suite(suite, study.assets)
                names = export_suite(suite, items, tokenizer, stage, folder / place)
                yield f"{place}: {len(names) - 1} tasks for lm-evaluation-harness"


def _logs(study: Study, evaluation: Artifact, folder: Path) -> str:
    from alignment_dagster.evaluation.inspect_log import write_inspect_logs

    generations = evaluation.path / file_names.GENERATIONS
    written = write_inspect_logs(
        pq.read_table(evaluation.path / file_names.ITEMS),
        study.suites,
        study.assets,
        folder / "logs",
        evaluation.label,
        pq.read_table(generations) if generations.exists() else None,
    )
    return f"logs: {len(written)} logs for Inspect (inspect view --log-dir …)"


def _require_closed(
    archive: Archive, home: Home, artifact: Artifact, instance: dg.DagsterInstance
) -> None:
    """Nothing leaves the house that does not fit together, down to the raw corpus."""
    report = check_ancestors(archive, home, [artifact], instance)
    for gap in report.gaps[:1]:
        more = f", and {len(report.gaps) - 1:,} more" if len(report.gaps) > 1 else ""
        raise AlignmentError(
            f"{artifact.label} cannot be exported: {gap.subject}: {gap.message}{more} "
            f"(alignment audit check {archive.study})"
        )


def _artifacts(study: Study, partition: str, home: Home) -> dict[str, Artifact]:
    """The current evaluation, and exactly the checkpoints that it was made from."""
    lake = Lake(home.lake)
    lake.pull(study.name)
    with open_reader(home) as instance:
        version = current_version(instance, lake, study.name, chain.EVALUATION, partition)
        if version is None:
            name = partition_label(chain.EVALUATION, partition)
            raise AlignmentError(f"{study.name}: {name} has not been materialized yet")
        evaluation = lake.open(study.name, chain.EVALUATION, partition, version)
        _require_closed(Archive(lake, study.name), home, evaluation, instance)
    for suite in study.suites:
        if evaluation.provenance.inputs.external_inputs.get(suite.name) not in (
            None,
            content_digest(suite, study.assets),
        ):
            message = f"suite {suite.name} changed since it was made: evaluate again"
            raise AlignmentError(f"{evaluation.label}: {message}")
    found = {
        parent.asset: lake.open(study.name, parent.asset, parent.partition, parent.version)
        for parent in evaluation.provenance.inputs.parents
        if parent.asset.endswith("_checkpoint")
    }
    return {**found, chain.EVALUATION: evaluation}
