"""The marts that the dbt models leave in the lake, as steps: what becomes of every document, and
what was measured.

Apart from the models themselves: importing dbt takes seconds.
"""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from alignment_dagster import chain
from alignment_dagster import warehouse as dbt
from alignment_dagster.chain import (
    CHAIN,
    CORPUS_DRIFT,
    CURATED_MIX,
    DISPOSITIONS,
    DOCUMENTS,
    METRICS,
    MIX_COMPOSITION,
    NEAR_DUPLICATES,
    RAW_CORPUS,
    SCORED_CORPUS,
)
from alignment_dagster.foundation.errors import DataError
from alignment_dagster.foundation.home import Home
from alignment_dagster.graph.build_context import BuildContext
from alignment_dagster.graph.parent_spec import ParentSpec
from alignment_dagster.graph.partitions import by_recipe, by_source
from alignment_dagster.graph.step import BuildResult, Step
from alignment_dagster.lineage import file_names
from alignment_dagster.lineage.partition_keys import Partition
from alignment_dagster.report.filter_quality import COLUMNS, measure_filter_quality
from alignment_dagster.steps import (
    attacks,
    corpus_drift,
    evaluation,
    near_duplicates,
    tampering,
)
from alignment_dagster.steps.pages.marts import (
    composition_metadata,
    dispositions_metadata,
    documents_metadata,
    metrics_metadata,
)
from alignment_dagster.study import Study
from alignment_dagster.warehouse import Warehouse

HELD_OUT_COLUMNS = ["document_id", "source", "held_out"]
HELD_OUT_ROWS = (
    pc.field("held_out") & pc.field("duplicate_of").is_null() & pc.field("item_id").is_null()
)
"""Duplicates would count a text twice, and leaked items are no fresh text."""
UNDECIDING: dict[str, Any] = {
    **dict.fromkeys(("description", "redact", "treat", "objective", "decoding", "trunk"), True),
    "fine_tune": {"share"},
}
"""What a recipe says of documents that it keeps, and of training: no disposition depends on it."""
PARTS = {"corpus": (DOCUMENTS, DISPOSITIONS), "results": (MIX_COMPOSITION, METRICS)}
"""The marts of each dbt tag: they share their inputs, and come from one dbt run."""


def warehouse_of(home: Home, study: Study) -> Warehouse:
    """Where dbt works for a study."""
    return Warehouse(home, study.name)


def export_documents(context: BuildContext) -> BuildResult:
    """All documents, and the ids of those that are held out by themselves.

    Nothing else of them: what is measured on them does not depend on their scores.
    """
    exports = warehouse_of(context.stores.home, context.study).exports
    shutil.copy(exports / file_names.DOCUMENTS, context.folder)
    held_out = pq.read_table(
        exports / file_names.DOCUMENTS, columns=HELD_OUT_COLUMNS, filters=HELD_OUT_ROWS
    )
    pq.write_table(held_out, context.folder / file_names.HELD_OUT)
    labelled = pq.read_table(exports / file_names.DOCUMENTS, columns=list(COLUMNS))
    metrics: dict[str, float] = {"held_out": held_out.num_rows}
    for row in measure_filter_quality(labelled):
        metrics[f"ai_discourse_precision/{row.tier}"] = row.precision
        metrics[f"ai_discourse_recall/{row.tier}"] = row.recall
    return BuildResult((), metrics=metrics)


def export_dispositions(context: BuildContext) -> BuildResult:
    """For each recipe, what it pretrains on, is post-trained on, and is tampered with.

    A file for each: what follows depends on the one that it reads.
    """
    counts: dict[str, float] = {}
    for recipe in by_recipe(context.study):
        found = pq.read_table(
            warehouse_of(context.stores.home, context.study).exports
            / chain.DISPOSITIONS
            / f"{recipe}.parquet"
        )
        _refuse_too_many(recipe, found, _bounds(context.study, recipe))
        pretraining = pc.equal(found["use"], "pretraining")
        (context.folder / recipe).mkdir()
        pq.write_table(
            found.filter(pretraining), context.folder / file_names.pretraining_part(recipe)
        )
        tampered = pc.equal(found["use"], "tampering")
        later = found.drop_columns(["recipe"])
        pq.write_table(later.filter(tampered), context.folder / file_names.tampering_part(recipe))
        write_post_training(
            later.filter(pc.invert(pc.or_(pretraining, tampered))), context.folder / recipe
        )
        counts[f"kept/{recipe}"] = pc.sum(pc.equal(found["state"], "kept")).as_py()
    return BuildResult((), metrics=counts)


def write_post_training(found: pa.Table, folder: Path) -> None:
    """What the recipe may read, and apart from it what others alone do.

    So what one recipe is fine-tuned on by itself makes no other's checkpoint stale.
    """
    aside = pc.fill_null(pc.equal(found["rule"], "not_selected"), False)
    pq.write_table(found.filter(pc.invert(aside)), folder / file_names.POST_TRAINING_PART)
    if pc.any(aside, min_count=0).as_py():
        pq.write_table(found.filter(aside), folder / file_names.OTHERS_PART)


def _bounds(study: Study, recipe: str) -> Mapping[str, float]:
    """Rule → the share of a source that it may drop, where it is bounded."""
    rules = (*study.declaration.drop, *study.recipe(recipe).drop)
    return {rule.rule: rule.max_share for rule in rules if rule.max_share < 1}


def _refuse_too_many(recipe: str, found: pa.Table, bounds: Mapping[str, float]) -> None:
    """Raise DataError where a rule drops more of a source than it may; nothing is published."""
    if not bounds:
        return
    sizes = found.group_by("source").aggregate([("document_id", "count")]).to_pylist()
    documents = {row["source"]: row["document_id_count"] for row in sizes}
    dropped = found.group_by(["source", "rule"]).aggregate([("document_id", "count")])
    for row in dropped.sort_by([("source", "ascending"), ("rule", "ascending")]).to_pylist():
        share = row["document_id_count"] / documents[row["source"]]
        if share > bounds.get(row["rule"], 1.0):
            raise DataError(
                f"recipe {recipe!r}: the rule {row['rule']!r} drops {share:.1%} of the source "
                f"{row['source']!r}, {row['document_id_count']:,} documents; its max_share is "
                f"{bounds[row['rule']]:.1%}"
            )


def export_table(context: BuildContext) -> BuildResult:
    """A mart as it is."""
    path = warehouse_of(context.stores.home, context.study).exports / f"{context.asset}.parquet"
    shutil.copy(path, context.folder)
    return BuildResult((), metrics={"rows": pq.read_metadata(path).num_rows})


def corpus_parents(study: Study, _partition: Partition) -> tuple[ParentSpec, ...]:
    """Every source's documents and scores, that it has not drifted too far, and what is alike."""
    assets = (RAW_CORPUS, SCORED_CORPUS)
    checked = corpus_drift.STEP.partitions(study)
    return (
        *(ParentSpec(asset, source) for asset in assets for source in by_source(study)),
        *(ParentSpec(CORPUS_DRIFT, source, part=file_names.VERDICT) for source in checked),
        *(
            [ParentSpec(NEAR_DUPLICATES, part=file_names.NEAR_DUPLICATES)]
            if near_duplicates.is_declared(study)
            else []
        ),
    )


def results_parents(study: Study, _partition: Partition) -> tuple[ParentSpec, ...]:
    """Every mix and evaluation there is."""
    return (
        *(ParentSpec(CURATED_MIX, recipe, required=False) for recipe in by_recipe(study)),
        *(
            ParentSpec(step.asset, part, required=False)
            for step in (evaluation.STEP, tampering.STEP, attacks.STEP)
            for part in step.partitions(study)
        ),
    )


def corpus_config(study: Study, _partition: Partition) -> Mapping[str, Any]:
    """What decides over documents: groups, shares, rules, and what is held out."""
    declared = study.declaration
    fields = {"name", "role", "group", "ai_discourse"}
    return {
        "sources": [source.model_dump(mode="json", include=fields) for source in study.sources],
        "recipes": [recipe.model_dump(mode="json", exclude=UNDECIDING) for recipe in study.recipes],
        "drop": [rule.model_dump(mode="json") for rule in declared.drop],
        "held_out_share": declared.held_out_share,
    }


def results_config(study: Study, _partition: Partition) -> Mapping[str, Any]:
    """What the suites' hits mean, and the shares that mixes were to have."""
    return {
        "suites": [{"suite": suite.name, "metric": suite.metric} for suite in study.suites],
        "shares": {recipe.name: recipe.shares for recipe in study.recipes},
    }


def _step(asset: str, part: str, **fields: Any) -> Step:
    corpus = part == "corpus"
    made_with = (name for name in PARTS[part] if name != asset)
    return Step(
        asset=asset,
        kinds=frozenset({"dbt", "duckdb"}),
        description="",
        code_version="1",
        modules=("warehouse/__init__.py", "steps/marts.py"),
        parents=corpus_parents if corpus else results_parents,
        config=corpus_config if corpus else results_config,
        external_inputs=lambda _study, _partition: {"dbt_project": dbt.project_digest()},
        checks={},
        co_materialized=tuple(name for one in PARTS[part] for name in CHAIN[one].views)
        + tuple(made_with),
        **fields,
    )


STEPS = (
    _step(DOCUMENTS, "corpus", build=export_documents, page_metadata=documents_metadata),
    _step(DISPOSITIONS, "corpus", build=export_dispositions, page_metadata=dispositions_metadata),
    _step(MIX_COMPOSITION, "results", build=export_table, page_metadata=composition_metadata),
    _step(METRICS, "results", build=export_table, page_metadata=metrics_metadata),
)
