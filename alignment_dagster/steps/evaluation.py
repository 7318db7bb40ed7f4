"""`evaluation`: every item's log-probabilities, before and after post-training."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pyarrow.parquet as pq

from alignment_dagster import chain
from alignment_dagster.evaluation.job import EvaluationJob
from alignment_dagster.evaluation.options import count_ties
from alignment_dagster.evaluation.suites.formats import make_prompts
from alignment_dagster.evaluation.suites.loader import content_digest, load_suite
from alignment_dagster.graph.build_context import BuildContext
from alignment_dagster.graph.parent_spec import ParentSpec
from alignment_dagster.graph.step import BuildResult, Step
from alignment_dagster.lineage import file_names
from alignment_dagster.lineage.lake import Artifact, altered_files
from alignment_dagster.lineage.metric import Dataset, Metric
from alignment_dagster.lineage.partition_keys import Partition
from alignment_dagster.lineage.provenance import Check
from alignment_dagster.lineage.shards import shard_paths
from alignment_dagster.report.results import replicate_rows
from alignment_dagster.steps.pages.evaluation import page_metadata
from alignment_dagster.study import Canary, Source, Study

MODULE = "alignment_dagster.evaluation.evaluate"
COUNTS = {3: "three", 4: "four"}


def build(context: BuildContext) -> BuildResult:
    """Score all suites and held-out documents with the base model and every post-trained one."""
    declared = context.study.declaration
    base = context.parents.one(chain.PRETRAINED_CHECKPOINT)
    tuned = context.parents.one(chain.POST_TRAINED_CHECKPOINT)
    stages = declared.post_training.stages
    checkpoints = {"base": base.path / "model", **{stage: tuned.path / stage for stage in stages}}
    job = EvaluationJob(
        checkpoints={stage: str(path) for stage, path in checkpoints.items()},
        suites=context.study.asked_suites,
        assets=str(context.study.assets),
        digests=dict(external_inputs(context.study, context.partition)),
        held_out=tuple(
            document_shards(context, source) for source in measured_sources(context.study)
        ),
        documents=str(context.parents.one(chain.DOCUMENTS).path / file_names.HELD_OUT),
        canaries=probed_canaries(context.study),
        evaluation=declared.evaluation,
        sequence_length=declared.mix.sequence_length,
        output=str(context.folder),
        work=str(context.work),
    )
    measured = context.run_job(MODULE, job, context.parents.one(chain.DOCUMENTS))
    checks = (
        _answered(context.study, context.folder, tuple(checkpoints)),
        _weights(base, tuned, stages),
    )
    context.log(_metrics(context, {**base.provenance.models, **tuned.provenance.models}))
    return BuildResult(checks, measured)


def document_shards(context: BuildContext, source: Source) -> tuple[str, ...]:
    """Where a source's documents lie."""
    corpus = context.parents.one(chain.RAW_CORPUS, source.name)
    return tuple(shard_paths([corpus], file_names.RAW_DOCUMENTS))


def measured_sources(study: Study) -> tuple[Source, ...]:
    """The sources whose held-out documents are scored: natural text, of a recipe's remainder."""
    groups = {recipe.remainder for recipe in study.recipes}
    return tuple(source for source in study.with_role("corpus") if source.group in groups)


def probed_canaries(study: Study) -> tuple[Canary, ...]:
    """Those of which a model is asked whether it learnt them."""
    return tuple(one for one in study.declaration.canaries if one.probes)


def _answered(study: Study, folder: Path, stages: tuple[str, ...]) -> Check:
    items = pq.read_table(folder / file_names.ITEMS)
    texts = pq.read_metadata(folder / file_names.GENERATIONS).num_rows
    asked = {
        suite: len(list(make_prompts(suite, load_suite(suite, study.assets)))) * len(stages)
        for suite in study.asked_suites
    }
    in_all = sum(asked.values())
    free = sum(count for suite, count in asked.items() if not suite.has_options)
    ties = count_ties(items)
    options = pc.list_flatten(items["log_probabilities"])
    finite = bool(pc.all(pc.is_finite(options), min_count=0).as_py())
    written = f" ({texts:,} of {free:,} written freely)" if free else ""
    return Check(
        name="all_items_answered",
        passed=items.num_rows == in_all and texts == free and finite,
        summary=f"{items.num_rows:,} of {in_all:,} answers{written}; "
        f"{'all' if finite else 'NOT all'} log-probabilities are finite; {ties:,} ties.",
    )


def _weights(base: Artifact, tuned: Artifact, stages: tuple[str, ...]) -> Check:
    """After the measurement: the files that were scored still are what the manifests say."""
    scored = (
        (base, "model/model.safetensors"),
        *((tuned, f"{stage}/model.safetensors") for stage in stages),
    )
    altered = altered_files(scored)
    return Check(
        name="weights_match_their_digest",
        passed=not altered,
        summary=f"{', '.join(altered)} changed." if altered else f"All {COUNTS[len(scored)]} do.",
    )


def _metrics(context: BuildContext, models: Mapping[str, str]) -> list[Metric]:
    """Every number of this replicate, against the items or documents and the model."""
    digests = external_inputs(context.study, None)
    held_out = context.parents.one(chain.DOCUMENTS).manifest.files[file_names.HELD_OUT]
    return [
        Metric(
            f"{row.metric}/{row.suite}/{row.stage}/{row.prompt}",
            row.value,
            data=Dataset(row.suite, digests.get(row.suite, held_out)),
            model_id=models[row.stage],
        )
        for row in replicate_rows(context.study, context.folder, context.partition)
    ]


def parents(study: Study, partition: Partition) -> tuple[ParentSpec, ...]:
    """Both checkpoints of this recipe and seed, and the held-out documents."""
    return (
        ParentSpec(chain.PRETRAINED_CHECKPOINT, partition),
        ParentSpec(chain.POST_TRAINED_CHECKPOINT, partition),
        ParentSpec(chain.DOCUMENTS, part=file_names.HELD_OUT),
        *(ParentSpec(chain.RAW_CORPUS, source.name) for source in measured_sources(study)),
    )


def config(study: Study, _partition: Partition) -> Mapping[str, Any]:
    """The suites and how they are scored (what concerns statistics belongs to the report)."""
    statistics = {"capability_margin"}
    settings = study.declaration.evaluation.model_dump(mode="json", exclude=statistics)
    probes = [
        one.model_dump(mode="json", include={"name", "probes"}) for one in probed_canaries(study)
    ]
    return {
        **({"canaries": probes} if probes else {}),
        "suites": [suite.settings for suite in study.asked_suites],
        "evaluation": settings,
        "sequence_length": study.declaration.mix.sequence_length,
    }


def external_inputs(study: Study, _partition: Partition) -> Mapping[str, str]:
    """The items, by their content, and the word lists that answers are judged by."""
    return {suite.name: content_digest(suite, study.assets) for suite in study.asked_suites}


STEP = Step(
    asset=chain.EVALUATION,
    kinds=frozenset({"pytorch", "parquet"}),
    description=(
        "Every answer to every evaluation item, one by one: the log-probability of each option "
        "under the base model and after each stage of post-training, in every format and with "
        "every system prompt; the texts of suites that are answered freely; and the loss on "
        "held-out documents. All numbers of the report are computed from these rows."
    ),
    code_version="2",
    modules=("evaluation/evaluate.py", "steps/evaluation.py"),
    parents=parents,
    config=config,
    external_inputs=external_inputs,
    build=build,
    page_metadata=page_metadata,
    checks={
        "all_items_answered": "Every item has an answer in every format, by every model.",
        "weights_match_their_digest": "The weights that were scored are those of the manifests.",
    },
)
