"""`post_trained_checkpoint`: SFT and DPO, the same for every recipe."""

from collections.abc import Mapping
from typing import Any

import dagster as dg
import pyarrow.compute as pc
import pyarrow.parquet as pq

from alignment_dagster.steps.pages import charts
from alignment_dagster.steps import pretrained_checkpoint, raw_corpus
from alignment_dagster.steps.pretrained_checkpoint import LOG, numbers
from alignment_dagster.defs.asset_factory import definitions
from alignment_dagster.graph.materialize import Making
from alignment_dagster.steps.pages.tables import drawing, table
from alignment_dagster.graph.step import Made, Partition, Step, Wanted, by_recipe_and_seed, recipe_of, seed_of
from alignment_dagster.lineage.lake import Artifact
from alignment_dagster.lineage.provenance import Check
from alignment_dagster.study import Role, Study
from alignment_dagster.training.jobs import PostTrainJob

MODULE = "alignment_dagster.training.post_training.post_train"


def post_training_part(recipe: str) -> str:
    """The file of `dispositions` that says what a recipe is post-trained on."""
    return f"{recipe}/post_training.parquet"


def build(making: Making) -> Made:
    """Fine-tune the recipe's own checkpoint in a process of its own."""
    declared = making.study.declaration
    base = making.parents.one("pretrained_checkpoint")
    dispositions = making.parents.one("dispositions")
    job = PostTrainJob(
        checkpoint=str(base.path),
        chat=_documents(making, "chat"),
        preferences=_documents(making, "preferences"),
        dispositions=str(dispositions.path / post_training_part(recipe_of(making.partition))),
        post_training=declared.post_training,
        sequence_length=declared.mix.sequence_length,
        seed=seed_of(making.partition),
        output=str(making.folder),
        work=str(making.work),
    )
    making.register_model("sft", declared.post_training.sft)
    making.register_model("dpo", declared.post_training.dpo)
    measured = making.run_job(MODULE, job, dispositions)
    return Made((_started_from(base, measured), _allowed(making, job)), measured)


def _documents(making: Making, role: Role) -> tuple[str, ...]:
    return tuple(
        str(making.parents.one("raw_corpus", source.name).path / raw_corpus.FILE)
        for source in making.study.with_role(role)
    )


def _started_from(base: Artifact, measured: Mapping[str, float | str]) -> Check:
    loaded = str(measured.get("checkpoint_weights_sha256", ""))
    named = base.manifest.files["model/model.safetensors"]
    return Check(
        name="starts_from_its_checkpoint",
        passed=loaded == named,
        summary=f"{base.label}: weights {named[:16]}, loaded {loaded[:16] or 'nothing'}.",
    )


def _allowed(making: Making, job: PostTrainJob) -> Check:
    kept = set(
        pq.read_table(job.dispositions, filters=pc.field("state") == "kept")[
            "document_id"
        ].to_pylist()
    )
    read = {
        document
        for stage in ("sft", "dpo")
        for step in pq.read_table(making.folder / f"{stage}_consumption.parquet")[
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


def describe(_study: Study, artifact: Artifact) -> Mapping[str, Any]:
    """The loss of both stages, as a picture and a short table."""
    rows = pq.read_table(artifact.path / LOG).to_pylist()
    chosen = rows[:: max(1, len(rows) // 12)]
    curves = {
        stage: ([row["step"] for row in own], [row["loss"] for row in own])
        for stage in ("sft", "dpo")
        if (own := [row for row in rows if row["stage"] == stage])
    }
    return {
        "plot": drawing(charts.curves(curves, "nats"), "loss"),
        "steps": len(rows),
        "loss_curve": dg.MetadataValue.md(table(chosen, ["stage", "step", "loss"])),
        **numbers(artifact),
    }


def wants(study: Study, partition: Partition) -> tuple[Wanted, ...]:
    """Exactly this recipe's and seed's checkpoint, and the conversations and pairs."""
    talk = (*study.with_role("chat"), *study.with_role("preferences"))
    return (
        Wanted("pretrained_checkpoint", partition),
        *(Wanted("raw_corpus", source.name) for source in talk),
        Wanted("dispositions", part=post_training_part(recipe_of(partition))),
    )


def declared(study: Study, partition: Partition) -> Mapping[str, Any]:
    """SFT, DPO and the seed."""
    return {
        "post_training": study.declaration.post_training.model_dump(mode="json"),
        "sequence_length": study.declaration.mix.sequence_length,
        "seed": seed_of(partition),
    }


STEP = Step(
    asset="post_trained_checkpoint",
    group="3_training",
    kinds=frozenset({"pytorch", "huggingface"}),
    description=(
        "The checkpoint after supervised fine-tuning on conversations (`sft`) and preference "
        "optimisation (`dpo`). The data and settings are the same for every recipe, so what still "
        "differs afterwards was put in by pretraining."
    ),
    code=("training/post_training/post_train.py", "steps/post_trained_checkpoint.py"),
    partitions=by_recipe_and_seed,
    wants=wants,
    declared=declared,
    build=build,
    describe=describe,
    checks={
        "starts_from_its_checkpoint": "The weights it started from are those of its parent.",
        "trained_on_kept_documents_only": "It read nothing that the recipe drops.",
    },
)


@dg.definitions
def defs() -> dg.Definitions:
    """The asset in every study."""
    return definitions(STEP, upstream=[pretrained_checkpoint.STEP, raw_corpus.STEP, "dispositions"])
