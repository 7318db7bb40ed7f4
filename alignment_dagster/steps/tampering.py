"""`tampering`: further fine-tuning of each finished checkpoint, and what it does to the answers."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import dagster as dg
import pyarrow.parquet as pq

from alignment_dagster.steps.pages import charts
from alignment_dagster.steps import post_trained_checkpoint, raw_corpus
from alignment_dagster.steps.evaluation import HELD_OUT, ITEMS, LOSSES, measured_sources
from alignment_dagster.steps.post_trained_checkpoint import post_training_part
from alignment_dagster.steps.pretrained_checkpoint import LOG, numbers
from alignment_dagster.evaluation.suites.loader import content_digest
from alignment_dagster.defs.asset_factory import definitions
from alignment_dagster.graph.materialize import Making
from alignment_dagster.steps.pages.tables import drawing, table
from alignment_dagster.graph.step import Made, Partition, Step, Wanted, by_recipe_and_seed, recipe_of, seed_of
from alignment_dagster.lineage.metric import Data, Measured
from alignment_dagster.lineage.lake import Artifact
from alignment_dagster.study import Source, Study, Suite
from alignment_dagster.training.tampering.checks import BITS_PER_BYTE, check_output, held_out_rows
from alignment_dagster.training.tampering.job import TamperingData, TamperJob, Use

MODULE = "alignment_dagster.training.tampering.tamper"
CURVE = "curve.parquet"


def partitions(study: Study) -> tuple[str, ...]:
    """One partition a checkpoint; none where the study declares no tampering."""
    return by_recipe_and_seed(study) if study.declaration.tampering else ()


def tampering_part(recipe: str) -> str:
    """The file of `dispositions` that says which conversations are kept for tampering."""
    return f"{recipe}/tampering.parquet"


def sources(study: Study) -> tuple[Source, ...]:
    """The sources that the tamperings name, each once, in the study's order."""
    named = {tampering.source for tampering in study.declaration.tampering}
    return tuple(source for source in study.sources if source.name in named)


def use_of(source: Source) -> Use:
    """For which use a document of the source must be kept."""
    return "sft" if source.role == "chat" else "tampering"


def build(making: Making) -> Made:
    """Fine-tune and measure in a process of its own; finished tamperings survive a kill."""
    tuned = making.parents.one("post_trained_checkpoint")
    dispositions = making.parents.one("dispositions")
    job = _job(making, tuned)
    for tampering in job.tamperings:
        making.register_model(tampering.name, tampering)
    measured = making.run_job(MODULE, job, dispositions)
    making.log(_metrics(making))
    return Made(check_output(job, making.folder, tuned, measured), measured)


def _job(making: Making, tuned: Artifact) -> TamperJob:
    declared = making.study.declaration
    recipe = recipe_of(making.partition)
    kept = making.parents.one("dispositions").path
    return TamperJob(
        checkpoint=str(tuned.path),
        tamperings=declared.tampering,
        data={
            source.name: TamperingData(
                documents=_documents(making, source),
                dispositions=str(kept / _part(source, recipe)),
                use=use_of(source),
            )
            for source in sources(making.study)
        },
        suites=suites(making.study),
        digests=dict(outside(making.study, making.partition)),
        assets=str(making.study.assets),
        held_out=tuple(_documents(making, source) for source in measured_sources(making.study)),
        documents=str(making.parents.one("documents").path / HELD_OUT),
        batch_tokens=declared.evaluation.batch_tokens,
        held_out_documents=declared.evaluation.held_out_documents,
        sequence_length=declared.mix.sequence_length,
        seed=seed_of(making.partition),
        output=str(making.folder),
        work=str(making.work),
    )


def suites(study: Study) -> tuple[Suite, ...]:
    """The suites that some tampering asks, in the study's order."""
    named = {name for tampering in study.declaration.tampering for name in tampering.suites}
    return tuple(suite for suite in study.suites if suite.name in named)


def _documents(making: Making, source: Source) -> str:
    return str(making.parents.one("raw_corpus", source.name).path / raw_corpus.FILE)


def _part(source: Source, recipe: str) -> str:
    return post_training_part(recipe) if source.role == "chat" else tampering_part(recipe)


def _metrics(making: Making) -> Iterator[Measured]:
    """The curves, step by step, against the items or documents and the model."""
    digests = outside(making.study, making.partition)
    models = making.tracked.models
    for row in pq.read_table(making.folder / CURVE).to_pylist():
        suite = making.study.suite(row["suite"])
        yield Measured(
            f"{suite.metric}/{suite.name}/{row['tampering']}",
            row["value"],
            row["step"],
            Data(suite.name, digests[suite.name]),
            models[row["tampering"]],
        )
    held_out = making.parents.one("documents").manifest.files[HELD_OUT]
    for row in held_out_rows(pq.read_table(making.folder / LOSSES)):
        yield Measured(
            f"{BITS_PER_BYTE}/held_out/{row['source']}/{row['tampering']}",
            row[BITS_PER_BYTE],
            row["step"],
            Data(f"held_out/{row['source']}", held_out),
            models[row["tampering"]],
        )


def describe(_study: Study, artifact: Artifact) -> Mapping[str, Any]:
    """The curve of each suite, the loss of the training, and held-out loss at both ends."""
    curve = pq.read_table(artifact.path / CURVE).to_pylist()
    names = list(dict.fromkeys(row["suite"] for row in curve))
    rates: dict[tuple[str, int], dict[str, Any]] = {}
    for row in curve:
        at = rates.setdefault((row["tampering"], row["step"]), {**row, **dict.fromkeys(names)})
        at[row["suite"]] = row["value"]
    losses = [
        row
        for row in pq.read_table(artifact.path / LOG).to_pylist()
        if (row["stage"], row["step"]) in rates
    ]
    ends = held_out_rows(pq.read_table(artifact.path / LOSSES))
    md = dg.MetadataValue.md
    return {
        "plot": drawing(charts.curves(_curves(curve), "rate"), "erosion"),
        "dagster/row_count": pq.read_metadata(artifact.path / ITEMS).num_rows,
        "erosion": md(table(rates.values(), ["tampering", "step", "tokens", *names])),
        "loss_curve": md(table(losses, ["stage", "step", "tokens", "loss"])),
        "held_out": md(table(ends, ["tampering", "step", "source", BITS_PER_BYTE])),
        **numbers(artifact),
    }


def _curves(rows: Sequence[Mapping[str, Any]]) -> dict[str, tuple[list[int], list[float]]]:
    """Steps and values of each suite under each tampering."""
    found: dict[str, tuple[list[int], list[float]]] = {}
    for row in rows:
        steps, values = found.setdefault(f"{row['tampering']} {row['suite']}", ([], []))
        steps.append(row["step"])
        values.append(row["value"])
    return found


def wants(study: Study, partition: Partition) -> tuple[Wanted, ...]:
    """Exactly this checkpoint, the conversations, and the held-out documents."""
    recipe = recipe_of(partition)
    parts = dict.fromkeys(_part(source, recipe) for source in sources(study))
    read = dict.fromkeys(source.name for source in (*sources(study), *measured_sources(study)))
    return (
        Wanted("post_trained_checkpoint", partition),
        *(Wanted("raw_corpus", name) for name in read),
        *(Wanted("dispositions", part=part) for part in parts),
        Wanted("documents", part=HELD_OUT),
    )


def declared(study: Study, partition: Partition) -> Mapping[str, Any]:
    """The tamperings, what they ask, and the seed."""
    declaration = study.declaration
    words = {"description", "kind"}
    return {
        "tampering": [
            tampering.model_dump(mode="json", exclude=words) for tampering in declaration.tampering
        ],
        "suites": [suite.model_dump(mode="json") for suite in suites(study)],
        "batch_tokens": declaration.evaluation.batch_tokens,
        "held_out_documents": declaration.evaluation.held_out_documents,
        "sequence_length": declaration.mix.sequence_length,
        "seed": seed_of(partition),
    }


def outside(study: Study, _partition: Partition) -> Mapping[str, str]:
    """The items, by their content."""
    return {suite.name: content_digest(suite, study.assets) for suite in suites(study)}


STEP = Step(
    asset="tampering",
    group="4_evaluation",
    kinds=frozenset({"pytorch", "parquet"}),
    description=(
        "What further fine-tuning leaves of the training: each declared tampering goes on from the "
        "post-trained checkpoint, on ordinary or on harmful conversations, and the items are asked "
        "again after 0, 1, 2, 4, … steps and the last. The answers, the curve and the final "
        "weights are kept."
    ),
    code=("training/tampering/tamper.py", "training/tampering/checks.py", "steps/tampering.py"),
    partitions=partitions,
    wants=wants,
    declared=declared,
    outside=outside,
    build=build,
    describe=describe,
    checks={
        "starts_from_its_checkpoint": "The weights it started from are those of its parent.",
        "trained_on_kept_documents_only": "It read nothing that the recipe drops.",
        "all_points_measured": "Every item has an answer at every measured step.",
        "loss_finite": "Every step has a finite loss, and so has every held-out document.",
    },
)


@dg.definitions
def defs() -> dg.Definitions:
    """The asset in every study that declares tampering."""
    return definitions(
        STEP,
        upstream=[post_trained_checkpoint.STEP, raw_corpus.STEP, "documents", "dispositions"],
    )
