"""`post_trained_checkpoint`: SFT and DPO, the same for every recipe."""

from collections.abc import Mapping
from typing import Any

import pyarrow.compute as pc
import pyarrow.parquet as pq

from alignment_dagster import chain
from alignment_dagster.graph.build_context import BuildContext
from alignment_dagster.graph.parent_spec import ParentSpec
from alignment_dagster.graph.step import BuildResult, Step
from alignment_dagster.lineage import file_names
from alignment_dagster.lineage.lake import Artifact
from alignment_dagster.lineage.partition_keys import Partition, recipe_of, seed_of
from alignment_dagster.lineage.provenance import Check
from alignment_dagster.lineage.shards import shard_paths
from alignment_dagster.steps.pages.post_trained_checkpoint import page_metadata
from alignment_dagster.study import Role, Study
from alignment_dagster.training.jobs import PostTrainJob

MODULE = "alignment_dagster.training.post_training.post_train"


def build(context: BuildContext) -> BuildResult:
    """Fine-tune the recipe's own checkpoint in a process of its own."""
    declared = context.study.declaration
    base = context.parents.one(chain.PRETRAINED_CHECKPOINT)
    dispositions = context.parents.one(chain.DISPOSITIONS)
    job = PostTrainJob(
        checkpoint=str(base.path),
        chat=_documents(context, "chat"),
        preferences=_documents(context, "preferences"),
        dispositions=str(
            dispositions.path / file_names.post_training_part(recipe_of(context.partition))
        ),
        post_training=declared.post_training,
        sequence_length=declared.mix.sequence_length,
        seed=seed_of(context.partition),
        output=str(context.folder),
        work=str(context.work),
    )
    context.register_model("sft", declared.post_training.sft)
    context.register_model("dpo", declared.post_training.dpo)
    measured = context.run_job(MODULE, job, dispositions)
    return BuildResult((_started_from(base, measured), _allowed(context, job)), measured)


def _documents(context: BuildContext, role: Role) -> tuple[str, ...]:
    sources = context.study.with_role(role)
    corpora = (context.parents.one(chain.RAW_CORPUS, source.name) for source in sources)
    return tuple(shard_paths(corpora, file_names.RAW_DOCUMENTS))


def _started_from(base: Artifact, measured: Mapping[str, float | str]) -> Check:
    loaded = str(measured.get("checkpoint_weights_sha256", ""))
    named = base.manifest.files["model/model.safetensors"]
    return Check(
        name="starts_from_its_checkpoint",
        passed=loaded == named,
        summary=f"{base.label}: weights {named[:16]}, loaded {loaded[:16] or 'nothing'}.",
    )


def _allowed(context: BuildContext, job: PostTrainJob) -> Check:
    kept = set(
        pq.read_table(job.dispositions, filters=pc.field("state") == "kept")[
            "document_id"
        ].to_pylist()
    )
    read = {
        document
        for stage in ("sft", "dpo")
        for step in pq.read_table(context.folder / file_names.stage_consumption(stage))[
            "documents"
        ].to_pylist()
        for document in step
    }
    strays = len(read - kept)
    return Check(
        name="trained_on_kept_documents_only",
        passed=not strays and bool(read),
        summary=f"{len(read):,} conversations and pairs read; {strays:,} not kept.",
    )


def parents(study: Study, partition: Partition) -> tuple[ParentSpec, ...]:
    """Exactly this recipe's and seed's checkpoint, and the conversations and pairs."""
    talk = (*study.with_role("chat"), *study.with_role("preferences"))
    return (
        ParentSpec(chain.PRETRAINED_CHECKPOINT, partition),
        *(ParentSpec(chain.RAW_CORPUS, source.name) for source in talk),
        ParentSpec(chain.DISPOSITIONS, part=file_names.post_training_part(recipe_of(partition))),
    )


def config(study: Study, partition: Partition) -> Mapping[str, Any]:
    """SFT, DPO and the seed."""
    return {
        "post_training": study.declaration.post_training.model_dump(mode="json"),
        "sequence_length": study.declaration.mix.sequence_length,
        "seed": seed_of(partition),
    }


STEP = Step(
    asset=chain.POST_TRAINED_CHECKPOINT,
    kinds=frozenset({"pytorch", "huggingface"}),
    description=(
        "The checkpoint after supervised fine-tuning on conversations (`sft`) and preference "
        "optimisation (`dpo`). The data and settings are the same for every recipe, so what still "
        "differs afterwards was put in by pretraining."
    ),
    code_version="1",
    modules=("training/post_training/post_train.py", "steps/post_trained_checkpoint.py"),
    parents=parents,
    config=config,
    build=build,
    page_metadata=page_metadata,
    checks={
        "starts_from_its_checkpoint": "The weights it started from are those of its parent.",
        "trained_on_kept_documents_only": "It read nothing that the recipe drops.",
    },
)
