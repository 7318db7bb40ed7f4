"""`tampering`: further fine-tuning of each finished checkpoint, and what it does to the answers."""

from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow.parquet as pq

from alignment_dagster import chain
from alignment_dagster.evaluation.suites.loader import content_digest
from alignment_dagster.graph.build_context import BuildContext
from alignment_dagster.graph.parent_spec import ParentSpec
from alignment_dagster.graph.step import BuildResult, Step
from alignment_dagster.lineage import file_names
from alignment_dagster.lineage.lake import Artifact
from alignment_dagster.lineage.metric import Dataset, Metric
from alignment_dagster.lineage.partition_keys import Partition, recipe_of, seed_of
from alignment_dagster.steps.evaluation import document_shards, measured_sources
from alignment_dagster.steps.pages.tampering import page_metadata
from alignment_dagster.study import Source, Study, Suite
from alignment_dagster.training.tampering.checks import BITS_PER_BYTE, check_output, held_out_rows
from alignment_dagster.training.tampering.job import TamperingData, TamperJob, Use

MODULE = "alignment_dagster.training.tampering.tamper"


def is_declared(study: Study) -> bool:
    """Whether the study declares any."""
    return bool(study.declaration.tampering)


def sources(study: Study) -> tuple[Source, ...]:
    """The sources that the tamperings name, each once, in the study's order."""
    named = {tampering.source for tampering in study.declaration.tampering}
    return tuple(source for source in study.sources if source.name in named)


def use_of(source: Source) -> Use:
    """For which use a document of the source must be kept."""
    return "sft" if source.role == "chat" else "tampering"


def build(context: BuildContext) -> BuildResult:
    """Fine-tune and measure in a process of its own; finished tamperings survive a kill."""
    tuned = context.parents.one(chain.POST_TRAINED_CHECKPOINT)
    dispositions = context.parents.one(chain.DISPOSITIONS)
    job = _job(context, tuned)
    for tampering in job.tamperings:
        context.register_model(tampering.name, tampering)
    measured = context.run_job(MODULE, job, dispositions)
    context.log(_metrics(context))
    return BuildResult(check_output(job, context.folder, tuned, measured), measured)


def _job(context: BuildContext, tuned: Artifact) -> TamperJob:
    declared = context.study.declaration
    recipe = recipe_of(context.partition)
    kept = context.parents.one(chain.DISPOSITIONS).path
    return TamperJob(
        checkpoint=str(tuned.path),
        tamperings=declared.tampering,
        data={
            source.name: TamperingData(
                documents=document_shards(context, source),
                dispositions=str(kept / _part(source, recipe)),
                use=use_of(source),
            )
            for source in sources(context.study)
        },
        suites=suites(context.study),
        digests=dict(external_inputs(context.study, context.partition)),
        assets=str(context.study.assets),
        held_out=tuple(
            document_shards(context, source) for source in measured_sources(context.study)
        ),
        documents=str(context.parents.one(chain.DOCUMENTS).path / file_names.HELD_OUT),
        batch_tokens=declared.evaluation.batch_tokens,
        held_out_documents=declared.evaluation.held_out_documents,
        sequence_length=declared.mix.sequence_length,
        seed=seed_of(context.partition),
        output=str(context.folder),
        work=str(context.work),
    )


def suites(study: Study) -> tuple[Suite, ...]:
    """The suites that some tampering asks, in the study's order."""
    named = {name for tampering in study.declaration.tampering for name in tampering.suites}
    return tuple(suite for suite in study.suites if suite.name in named)


def _part(source: Source, recipe: str) -> str:
    return (
        file_names.post_training_part(recipe)
        if source.role == "chat"
        else file_names.tampering_part(recipe)
    )


def _metrics(context: BuildContext) -> Iterator[Metric]:
    """The curves, step by step, against the items or documents and the model."""
    digests = external_inputs(context.study, context.partition)
    models = context.tracked.models
    for row in pq.read_table(context.folder / file_names.CURVE).to_pylist():
        suite = context.study.suite(row["suite"])
        yield Metric(
            f"{suite.metric}/{suite.name}/{row['tampering']}",
            row["value"],
            row["step"],
            Dataset(suite.name, digests[suite.name]),
            models[row["tampering"]],
        )
    held_out = context.parents.one(chain.DOCUMENTS).manifest.files[file_names.HELD_OUT]
    for row in held_out_rows(pq.read_table(context.folder / file_names.LOSSES)):
        yield Metric(
            f"{BITS_PER_BYTE}/held_out/{row['source']}/{row['tampering']}",
            row[BITS_PER_BYTE],
            row["step"],
            Dataset(f"held_out/{row['source']}", held_out),
            models[row["tampering"]],
        )


def parents(study: Study, partition: Partition) -> tuple[ParentSpec, ...]:
    """Exactly this checkpoint, the conversations, and the held-out documents."""
    recipe = recipe_of(partition)
    parts = dict.fromkeys(_part(source, recipe) for source in sources(study))
    read = dict.fromkeys(source.name for source in (*sources(study), *measured_sources(study)))
    return (
        ParentSpec(chain.POST_TRAINED_CHECKPOINT, partition),
        *(ParentSpec(chain.RAW_CORPUS, name) for name in read),
        *(ParentSpec(chain.DISPOSITIONS, part=part) for part in parts),
        ParentSpec(chain.DOCUMENTS, part=file_names.HELD_OUT),
    )


def config(study: Study, partition: Partition) -> Mapping[str, Any]:
    """The tamperings, what they ask, and the seed."""
    declaration = study.declaration
    words = {"description", "kind"}
    return {
        "tampering": [
            tampering.model_dump(mode="json", exclude=words) for tampering in declaration.tampering
        ],
        "suites": [suite.settings for suite in suites(study)],
        "batch_tokens": declaration.evaluation.batch_tokens,
        "held_out_documents": declaration.evaluation.held_out_documents,
        "sequence_length": declaration.mix.sequence_length,
        "seed": seed_of(partition),
    }


def external_inputs(study: Study, _partition: Partition) -> Mapping[str, str]:
    """The items, by their content."""
    return {suite.name: content_digest(suite, study.assets) for suite in suites(study)}


STEP = Step(
    asset=chain.TAMPERING,
    kinds=frozenset({"pytorch", "parquet"}),
    description=(
        "What further fine-tuning leaves of the training: each declared tampering goes on from the "
        "post-trained checkpoint, on ordinary or on harmful conversations, and the items are asked "
        "again after 0, 1, 2, 4, … steps and the last. The answers, the curve and the final "
        "weights are kept."
    ),
    code_version="2",
    modules=("training/tampering/tamper.py", "training/tampering/checks.py", "steps/tampering.py"),
    parents=parents,
    config=config,
    external_inputs=external_inputs,
    build=build,
    page_metadata=page_metadata,
    exists=is_declared,
    checks={
        "starts_from_its_checkpoint": "The weights it started from are those of its parent.",
        "trained_on_kept_documents_only": "It read nothing that the recipe drops.",
        "all_points_measured": "Every item has an answer at every measured step.",
        "loss_finite": "Every step has a finite loss, and so has every held-out document.",
    },
)
