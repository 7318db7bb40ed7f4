"""`evaluation`: every item's log-probabilities, before and after post-training."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow.compute as pc
import pyarrow.parquet as pq

from alignment_dagster.steps.pages import charts
from alignment_dagster.steps import post_trained_checkpoint, pretrained_checkpoint, raw_corpus
from alignment_dagster.steps.pretrained_checkpoint import numbers
from alignment_dagster.report.cells import Replicate
from alignment_dagster.evaluation.suites.formats import make_prompts
from alignment_dagster.evaluation.job import EvaluationJob
from alignment_dagster.report.results import ResultRow, result_rows
from alignment_dagster.evaluation.suites.loader import content_digest, load_suite
from alignment_dagster.defs.asset_factory import definitions
from alignment_dagster.graph.materialize import Making
from alignment_dagster.steps.pages.tables import drawing, table
from alignment_dagster.graph.step import Made, Partition, Step, Wanted, by_recipe_and_seed, recipe_of, seed_of
from alignment_dagster.lineage.metric import Data, Measured
from alignment_dagster.lineage.lake import Artifact, altered_files
from alignment_dagster.lineage.provenance import Check
from alignment_dagster.study import MISALIGNMENT_RATE, Source, Study

MODULE = "alignment_dagster.evaluation.evaluate"
ITEMS = "items.parquet"
GENERATIONS = "generations.parquet"
LOSSES = "losses.parquet"
HELD_OUT = "held_out.parquet"


def build(making: Making) -> Made:
    """Score all suites and held-out documents with the base, SFT and DPO models."""
    declared = making.study.declaration
    base = making.parents.one("pretrained_checkpoint")
    tuned = making.parents.one("post_trained_checkpoint")
    checkpoints = {
        "base": base.path / "model",
        "sft": tuned.path / "sft",
        "dpo": tuned.path / "dpo",
    }
    job = EvaluationJob(
        checkpoints={stage: str(path) for stage, path in checkpoints.items()},
        suites=making.study.asked_suites,
        assets=str(making.study.assets),
        digests=dict(outside(making.study, making.partition)),
        held_out=tuple(
            str(making.parents.one("raw_corpus", source.name).path / raw_corpus.FILE)
            for source in measured_sources(making.study)
        ),
        documents=str(making.parents.one("documents").path / HELD_OUT),
        evaluation=declared.evaluation,
        sequence_length=declared.mix.sequence_length,
        output=str(making.folder),
        work=str(making.work),
    )
    measured = making.run_job(MODULE, job, making.parents.one("documents"))
    checks = (_answered(making.study, making.folder, tuple(checkpoints)), _weights(base, tuned))
    making.log(_metrics(making, {**base.provenance.models, **tuned.provenance.models}))
    return Made(checks, measured)


def measured_sources(study: Study) -> tuple[Source, ...]:
    """The sources whose held-out documents are scored: natural text, of a recipe's remainder."""
    groups = {recipe.remainder for recipe in study.recipes}
    return tuple(source for source in study.with_role("corpus") if source.group in groups)


def _answered(study: Study, folder: Path, stages: tuple[str, ...]) -> Check:
    items = pq.read_table(folder / ITEMS)
    texts = pq.read_metadata(folder / GENERATIONS).num_rows
    asked = {
        suite: len(list(make_prompts(suite, load_suite(suite, study.assets)))) * len(stages)
        for suite in study.asked_suites
    }
    in_all = sum(asked.values())
    free = sum(count for suite, count in asked.items() if not suite.has_options)
    options = pc.list_flatten(items["log_probabilities"])
    finite = bool(pc.all(pc.is_finite(options), min_count=0).as_py())
    written = f" ({texts:,} of {free:,} written freely)" if free else ""
    return Check(
        name="all_items_answered",
        passed=items.num_rows == in_all and texts == free and finite,
        summary=f"{items.num_rows:,} of {in_all:,} answers{written}; "
        f"{'all' if finite else 'NOT all'} log-probabilities are finite.",
    )


def _weights(base: Artifact, tuned: Artifact) -> Check:
    """After the measurement: the files that were scored still are what the manifests say."""
    scored = (
        (base, "model/model.safetensors"),
        (tuned, "sft/model.safetensors"),
        (tuned, "dpo/model.safetensors"),
    )
    altered = altered_files(scored)
    return Check(
        name="weights_match_their_digest",
        passed=not altered,
        summary=f"{', '.join(altered)} changed." if altered else "All three do.",
    )


def rows_of(study: Study, folder: Path, partition: Partition) -> tuple[ResultRow, ...]:
    """What this replicate alone measures."""
    seed = seed_of(partition)
    replicate = Replicate(
        recipe_of(partition),
        seed,
        pq.read_table(folder / ITEMS),
        pq.read_table(folder / LOSSES),
        artifacts={"evaluation": {}},
    )
    metrics = {suite.name: suite.metric for suite in study.suites}
    rows = result_rows([replicate], metrics)
    return tuple(row for row in rows if row.seed == seed)


def _metrics(making: Making, models: Mapping[str, str]) -> list[Measured]:
    """Every number of this replicate, against the items or documents and the model."""
    digests = outside(making.study, None)
    held_out = making.parents.one("documents").manifest.files[HELD_OUT]
    return [
        Measured(
            f"{row.metric}/{row.suite}/{row.stage}/{row.prompt}",
            row.value,
            data=Data(row.suite, digests.get(row.suite, held_out)),
            model_id=models[row.stage],
        )
        for row in rows_of(making.study, making.folder, making.partition)
    ]


def describe(study: Study, artifact: Artifact) -> Mapping[str, Any]:
    """This replicate's rates and losses, with intervals over scenarios."""
    found = rows_of(study, artifact.path, artifact.partition)
    rows = [
        {**asdict(row), "95 % interval": f"{row.ci_low:.3f} to {row.ci_high:.3f}"} for row in found
    ]
    columns = ["suite", "stage", "prompt", "metric", "value", "95 % interval", "n"]
    return {
        **rates_plot(found),
        "dagster/row_count": pq.read_metadata(artifact.path / ITEMS).num_rows,
        "results": dg.MetadataValue.md(table(rows, columns)),
        **numbers(artifact),
    }


def rates_plot(rows: Sequence[ResultRow]) -> dict[str, Any]:
    """A picture of the misalignment rates, where there are any."""
    rates = [
        row
        for row in rows
        if row.metric == MISALIGNMENT_RATE and row.prompt == "none" and "/" not in row.suite
    ]
    if not rates:
        return {}
    return {"plot": drawing(charts.rates(rates), "misalignment rates")}


def wants(study: Study, partition: Partition) -> tuple[Wanted, ...]:
    """Both checkpoints of this recipe and seed, and the held-out documents."""
    return (
        Wanted("pretrained_checkpoint", partition),
        Wanted("post_trained_checkpoint", partition),
        Wanted("documents", part=HELD_OUT),
        *(Wanted("raw_corpus", source.name) for source in measured_sources(study)),
    )


def declared(study: Study, _partition: Partition) -> Mapping[str, Any]:
    """The suites and how they are scored (what concerns statistics belongs to the report)."""
    statistics = {"capability_margin"}
    settings = study.declaration.evaluation.model_dump(mode="json", exclude=statistics)
    return {
        "suites": [suite.model_dump(mode="json") for suite in study.asked_suites],
        "evaluation": settings,
        "sequence_length": study.declaration.mix.sequence_length,
    }


def outside(study: Study, _partition: Partition) -> Mapping[str, str]:
    """The items, by their content, and the word lists that answers are judged by."""
    return {suite.name: content_digest(suite, study.assets) for suite in study.asked_suites}


STEP = Step(
    asset="evaluation",
    group="4_evaluation",
    kinds=frozenset({"pytorch", "parquet"}),
    description=(
        "Every answer to every evaluation item, one by one: the log-probability of each option "
        "under the base, SFT and DPO models, in every format and with every system prompt; the "
        "texts of suites that are answered freely; and the loss on held-out documents. All numbers "
        "of the report are computed from these rows."
    ),
    code=("evaluation/evaluate.py", "steps/evaluation.py"),
    partitions=by_recipe_and_seed,
    wants=wants,
    declared=declared,
    outside=outside,
    build=build,
    describe=describe,
    checks={
        "all_items_answered": "Every item has an answer in every format, by every model.",
        "weights_match_their_digest": "The weights that were scored are those of the manifests.",
    },
)


@dg.definitions
def defs() -> dg.Definitions:
    """The asset in every study."""
    return definitions(
        STEP,
        upstream=[
            pretrained_checkpoint.STEP,
            post_trained_checkpoint.STEP,
            raw_corpus.STEP,
            "documents",
        ],
    )
