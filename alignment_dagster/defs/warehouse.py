"""The dbt models: what becomes of every document, and what was measured, as tables.

They are Dagster assets like the others, and leave Parquet in the lake for what follows: only dbt
opens the warehouse's file.
"""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow.compute as pc
import pyarrow.parquet as pq
from dagster_dbt import DagsterDbtTranslator, DagsterDbtTranslatorSettings, dbt_assets

from alignment_dagster import warehouse as dbt
from alignment_dagster.defs import attacks, evaluation, raw_corpus, tampering
from alignment_dagster.defs.curated_mix import pretraining_part
from alignment_dagster.defs.post_trained_checkpoint import post_training_part
from alignment_dagster.errors import AlignmentError
from alignment_dagster.graph.asset import group_name, studies
from alignment_dagster.graph.making import Making, became_current, find_or_make, metadata
from alignment_dagster.graph.parents import resolve
from alignment_dagster.graph.show import table
from alignment_dagster.graph.step import (
    Made,
    Partition,
    Step,
    Wanted,
    by_recipe,
    by_source,
    no_partitions,
    recipe_of,
    seed_of,
)
from alignment_dagster.home import Home
from alignment_dagster.lineage.lake import Artifact, Lake
from alignment_dagster.study import Study
from alignment_dagster.warehouse import Column, Inputs, Outcome, Result, Warehouse, prepare

POOL = "warehouse"
HELD_OUT_ROWS = (
    pc.field("held_out") & pc.field("duplicate_of").is_null() & pc.field("item_id").is_null()
)
"""Duplicates would count a text twice, and leaked items are no fresh text."""
DECLARATION = "declaration"
"""Stands for what a study declares: also that it does not tamper, or attack."""
MEASUREMENTS = (evaluation.STEP, tampering.STEP, attacks.STEP)
GROUPS = {"corpus": "1_corpus", "results": "4_evaluation"}


def export_documents(making: Making) -> Made:
    """All documents, and those that are held out by themselves."""
    exports = _warehouse(making.study).exports
    shutil.copy(exports / "documents.parquet", making.folder)
    held_out = pq.read_table(exports / "documents.parquet", filters=HELD_OUT_ROWS)
    pq.write_table(held_out, making.folder / evaluation.HELD_OUT)
    return Made((), metrics={"held_out": held_out.num_rows})


def export_dispositions(making: Making) -> Made:
    """For each recipe, what it pretrains on, is post-trained on, and is tampered with.

    A file for each: what follows depends on the one that it reads.
    """
    counts: dict[str, float] = {}
    for recipe in by_recipe(making.study):
        found = pq.read_table(
            _warehouse(making.study).exports / "dispositions" / f"{recipe}.parquet"
        )
        pretraining = pc.equal(found["use"], "pretraining")
        (making.folder / recipe).mkdir()
        pq.write_table(found.filter(pretraining), making.folder / pretraining_part(recipe))
        tampered = pc.equal(found["use"], "tampering")
        later = found.drop_columns(["recipe"])
        pq.write_table(later.filter(tampered), making.folder / tampering.tampering_part(recipe))
        others = later.filter(pc.invert(pc.or_(pretraining, tampered)))
        pq.write_table(others, making.folder / post_training_part(recipe))
        counts[f"kept/{recipe}"] = pc.sum(pc.equal(found["state"], "kept")).as_py()
    return Made((), metrics=counts)


def export_table(making: Making) -> Made:
    """A mart as it is."""
    path = _warehouse(making.study).exports / f"{making.asset}.parquet"
    shutil.copy(path, making.folder)
    return Made((), metrics={"rows": pq.read_metadata(path).num_rows})


def describe_rows(_study: Study, artifact: Artifact) -> Mapping[str, Any]:
    """The first rows of a mart."""
    found = pq.read_table(next(artifact.path.glob("*.parquet")))
    columns = [name for name in found.column_names if name not in ("document_id", "study")][:9]
    rows = table(found.slice(0, 15).to_pylist(), columns)
    return {"dagster/row_count": found.num_rows, "rows": dg.MetadataValue.md(rows)}


def describe_dispositions(study: Study, artifact: Artifact) -> Mapping[str, Any]:
    """How many documents each recipe keeps, and what it drops by which rule."""
    rows = []
    for recipe in by_recipe(study):
        found = pq.read_table(artifact.path / pretraining_part(recipe))
        counts = found.group_by(["state", "rule"]).aggregate([("document_id", "count")])
        rows += [
            {"recipe": recipe, "documents": row["document_id_count"], **row}
            for row in counts.sort_by([("state", "descending"), ("rule", "ascending")]).to_pylist()
        ]
    columns = ["recipe", "state", "rule", "documents"]
    return {"dispositions": dg.MetadataValue.md(table(rows, columns))}


def corpus_wants(study: Study, _partition: Partition) -> tuple[Wanted, ...]:
    """Every source's documents and scores."""
    assets = ("raw_corpus", "scored_corpus")
    return tuple(Wanted(asset, source) for asset in assets for source in by_source(study))


def results_wants(study: Study, _partition: Partition) -> tuple[Wanted, ...]:
    """Every mix and evaluation there is."""
    return (
        *(Wanted("curated_mix", recipe, required=False) for recipe in by_recipe(study)),
        *(
            Wanted(step.asset, part, required=False)
            for step in MEASUREMENTS
            for part in step.partitions(study)
        ),
    )


def corpus_declared(study: Study, _partition: Partition) -> Mapping[str, Any]:
    """What decides over documents: groups, shares, rules, and what is held out."""
    declared = study.declaration
    fields = {"name", "role", "group", "ai_discourse"}
    return {
        "sources": [source.model_dump(mode="json", include=fields) for source in study.sources],
        "recipes": [
            recipe.model_dump(mode="json", exclude={"description"}) for recipe in study.recipes
        ],
        "drop": [rule.model_dump(mode="json") for rule in declared.drop],
        "held_out_share": declared.held_out_share,
    }


def results_declared(study: Study, _partition: Partition) -> Mapping[str, Any]:
    """What the suites' hits mean, and the shares that mixes were to have."""
    return {
        "suites": [{"suite": suite.name, "metric": suite.metric} for suite in study.suites],
        "shares": {recipe.name: recipe.shares for recipe in study.recipes},
    }


def _step(asset: str, part: str, **fields: Any) -> Step:
    """A mart's step: both marts of a part share their inputs, and come from one dbt run."""
    corpus = part == "corpus"
    return Step(
        asset=asset,
        group=GROUPS[part],
        kinds=frozenset({"dbt", "duckdb"}),
        description="",
        code=("warehouse/__init__.py", "defs/warehouse.py"),
        partitions=no_partitions,
        wants=corpus_wants if corpus else results_wants,
        declared=corpus_declared if corpus else results_declared,
        outside=lambda _study, _partition: {"dbt_project": dbt.project_digest()},
        checks={},
        **fields,
    )


DOCUMENTS = _step("documents", "corpus", build=export_documents, describe=describe_rows)
CORPUS = _step(
    "dispositions",
    "corpus",
    also=("stg_documents", "stg_scores", "documents"),
    build=export_dispositions,
    describe=describe_dispositions,
)
COMPOSITION = _step("mix_composition", "results", build=export_table, describe=describe_rows)
RESULTS = _step(
    "metrics", "results", also=("mix_composition",), build=export_table, describe=describe_rows
)


class Translator(DagsterDbtTranslator):  # type: ignore[misc]  # dagster_dbt is not typed
    """Names, groups and owners of the study's dbt models; sources become the lake's assets."""

    def __init__(self, study: Study) -> None:
        super().__init__(
            DagsterDbtTranslatorSettings(
                enable_duplicate_source_asset_keys=True, enable_source_tests_as_checks=False
            )
        )
        self.study = study

    def get_asset_key(self, dbt_resource_props: Mapping[str, Any]) -> dg.AssetKey:
        """The model's name, or the asset that a source stands for, in the study."""
        name = str(dbt_resource_props["name"])
        if dbt_resource_props["resource_type"] == "source":
            name = str(dbt_resource_props["config"]["meta"]["asset"])
            if name in (step.asset for step in MEASUREMENTS if not step.exists(self.study)):
                name = DECLARATION
        return dg.AssetKey([self.study.name, name])

    def get_group_name(self, dbt_resource_props: Mapping[str, Any]) -> str | None:
        """The group of the model's tag."""
        parts = [tag for tag in dbt_resource_props["tags"] if tag in GROUPS]
        return group_name(self.study, GROUPS[parts[0]]) if parts else None

    def get_owners(self, dbt_resource_props: Mapping[str, Any]) -> list[str]:
        """The study's owner."""
        return [self.study.declaration.owner]

    def get_code_version(self, dbt_resource_props: Mapping[str, Any]) -> str | None:
        """The whole project's digest: dbt's own leaves macros out."""
        return dbt.project_digest()[:16]

    def get_tags(self, dbt_resource_props: Mapping[str, Any]) -> Mapping[str, str]:
        """The study."""
        return {"study": self.study.name}


def part_models(part: str, steps: tuple[Step, ...], study: Study) -> dg.AssetsDefinition:
    """The dbt models of one tag as one op."""

    @dbt_assets(  # type: ignore[untyped-decorator]
        manifest=dbt.ensure_manifest(_warehouse(study)),
        select=f"tag:{part}",
        name=f"{study.name}_{part}_models",
        dagster_dbt_translator=Translator(study),
        pool=POOL,
    )
    def build(context: dg.AssetExecutionContext) -> Iterator[Any]:
        try:
            yield from _build(context, part, steps, study)
        except AlignmentError as error:
            raise dg.Failure(description=str(error), allow_retries=False) from None

    models: dg.AssetsDefinition = build
    return models


def _build(
    context: dg.AssetExecutionContext, part: str, steps: tuple[Step, ...], study: Study
) -> Iterator[Any]:
    """Run dbt; publish the marts once every test has passed, and only then report them."""
    lake = Lake(Home.from_environment().lake)
    parents = resolve(context.instance, lake, study.name, steps[0].wants(study, None))
    place = _warehouse(study)
    prepare(place, study, _inputs(study, parents.distinct()))
    outcomes = dbt.build(place, f"tag:{part}")
    yield from _check_results(context, outcomes)
    dbt.require(outcomes)
    found = dbt.columns(place)
    marts = {step.asset: step for step in steps}
    for name in (outcome.name for outcome in outcomes if outcome.kind == "model"):
        key = dg.AssetKey([study.name, name])
        shown: dict[str, Any] = _column_metadata(study, found.get(name, ()))
        if name not in marts:
            yield dg.MaterializeResult(asset_key=key, metadata=shown)
            continue
        artifact, reused = find_or_make(context, marts[name], study, None, parents)
        became_current(context, artifact, reused=reused)
        described = marts[name].describe(study, artifact)
        yield dg.MaterializeResult(
            asset_key=key,
            metadata={**shown, **metadata(artifact, described, reused=reused)},
            data_version=dg.DataVersion(artifact.digest),
        )


def _check_results(
    context: dg.AssetExecutionContext, outcomes: Sequence[Outcome]
) -> Iterator[dg.AssetCheckResult]:
    tests = {outcome.name: outcome for outcome in outcomes if outcome.kind == "test"}
    for key in sorted(context.selected_asset_check_keys, key=str):
        outcome = tests.get(key.name)
        if outcome is None:
            raise AlignmentError(f"dbt did not run the test {key.name}")
        yield dg.AssetCheckResult(
            asset_key=key.asset_key,
            check_name=key.name,
            passed=outcome.state == "passed",
            severity=dg.AssetCheckSeverity.ERROR,
            metadata={"objectionable_rows": outcome.rows, "dbt": outcome.message},
        )


def _column_metadata(study: Study, columns: Sequence[Column]) -> dict[str, Any]:
    """Dagster's column schema and lineage of a model."""
    schema = [
        dg.TableColumn(column.name, column.type or "view", column.description) for column in columns
    ]
    origins = {
        column.name: [
            dg.TableColumnDep(dg.AssetKey([study.name, asset]), name)
            for asset, name in column.origins
        ]
        for column in columns
    }
    return {
        "dagster/column_schema": dg.TableSchema(columns=schema),
        "dagster/column_lineage": dg.TableColumnLineage(origins),
    }


def _inputs(study: Study, parents: tuple[Artifact, ...]) -> Inputs:
    def files(asset: str, name: str) -> list[Path]:
        return [parent.path / name for parent in parents if parent.asset == asset]

    def results(asset: str, name: str) -> list[Result]:
        return [
            Result(
                parent.path / name,
                recipe_of(parent.partition),
                seed_of(parent.partition) if "|" in (parent.partition or "") else None,
            )
            for parent in parents
            if parent.asset == asset
        ]

    scorers = study.declaration.scorers
    return Inputs(
        documents=files("raw_corpus", raw_corpus.FILE),
        scores={name: files("scored_corpus", f"{name}.parquet") for name in scorers},
        compositions=results("curated_mix", "composition.parquet"),
        items=results("evaluation", evaluation.ITEMS),
        losses=results("evaluation", "losses.parquet"),
        tampered_items=results("tampering", "items.parquet"),
        tampered_losses=results("tampering", "losses.parquet"),
        attacks=results("attacks", "attacks.parquet"),
    )


def _warehouse(study: Study) -> Warehouse:
    return Warehouse(Home.from_environment(), study.name)


@dg.definitions
def defs() -> dg.Definitions:
    """The models of both parts, in every study."""
    parts = {"corpus": (DOCUMENTS, CORPUS), "results": (COMPOSITION, RESULTS)}
    return dg.Definitions(
        assets=[
            part_models(part, steps, study) for study in studies() for part, steps in parts.items()
        ],
    )
