"""The dbt models: what becomes of every document, and what was measured, as tables.

They are Dagster assets like the others, and leave Parquet in the lake for what follows: only dbt
opens the warehouse's file.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import dagster as dg
from dagster_dbt import (
    DagsterDbtTranslator,
    DagsterDbtTranslatorSettings,
    DbtProject,
    dbt_assets,
)

from alignment_dagster import chain
from alignment_dagster import warehouse as dbt
from alignment_dagster.chain import CHAIN, CORPUS_DRIFT, MEASUREMENTS, NEAR_DUPLICATES
from alignment_dagster.defs import resources
from alignment_dagster.defs.assets import group_name
from alignment_dagster.defs.automation_conditions import follows
from alignment_dagster.foundation.errors import AlignmentError
from alignment_dagster.foundation.home import Home
from alignment_dagster.graph.instance import WAREHOUSE
from alignment_dagster.graph.materialize import became_current, find_or_make, metadata
from alignment_dagster.graph.parents import resolve
from alignment_dagster.graph.runs import begin_run
from alignment_dagster.graph.stores import Stores
from alignment_dagster.lineage import file_names
from alignment_dagster.lineage.lake import Artifact
from alignment_dagster.lineage.partition_keys import find_seed, recipe_of
from alignment_dagster.lineage.shards import shard_files
from alignment_dagster.steps.marts import PARTS, warehouse_of
from alignment_dagster.steps.registry import STEPS
from alignment_dagster.study import Study
from alignment_dagster.warehouse import Column, Inputs, Outcome, Result, prepare

FIRST_MODELS = frozenset(view for entry in CHAIN.values() for view in entry.views)
"""Those that read the sources."""
DECLARATION = "declaration"
"""Stands for what a study declares: also that it does not tamper, attack, or look for near
duplicates."""


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
            if name in (*MEASUREMENTS, NEAR_DUPLICATES) and not STEPS[name].exists(self.study):
                name = DECLARATION
        return dg.AssetKey([self.study.name, name])

    def get_asset_spec(
        self, manifest: Mapping[str, Any], unique_id: str, project: DbtProject | None
    ) -> dg.AssetSpec:
        """A model; what reads the sources also waits for their drift checks, where declared."""
        spec: dg.AssetSpec = super().get_asset_spec(manifest, unique_id, project)
        if spec.key.path[-1] not in FIRST_MODELS or not STEPS[CORPUS_DRIFT].exists(self.study):
            return spec
        drift = dg.AssetKey([self.study.name, CORPUS_DRIFT])
        return spec.merge_attributes(deps=[drift])

    def get_group_name(self, dbt_resource_props: Mapping[str, Any]) -> str | None:
        """The group of the model's tag."""
        parts = [tag for tag in dbt_resource_props["tags"] if tag in PARTS]
        return group_name(self.study, CHAIN[PARTS[parts[0]][0]].group) if parts else None

    def get_owners(self, dbt_resource_props: Mapping[str, Any]) -> list[str]:
        """The study's owner."""
        return [self.study.declaration.owner]

    def get_code_version(self, dbt_resource_props: Mapping[str, Any]) -> str | None:
        """The whole project's digest: dbt's own leaves macros out."""
        return dbt.project_digest()[:16]

    def get_automation_condition(
        self, dbt_resource_props: Mapping[str, Any]
    ) -> "dg.AutomationCondition[Any] | None":
        """As for the other assets: when the model follows by itself."""
        return follows(self.study, str(dbt_resource_props["name"]))

    def get_tags(self, dbt_resource_props: Mapping[str, Any]) -> Mapping[str, str]:
        """The study."""
        return {"study": self.study.name}


def part_models(part: str, study: Study, manifest: Mapping[str, Any]) -> dg.AssetsDefinition:
    """The dbt models of one tag as one op."""

    @dbt_assets(  # type: ignore[untyped-decorator]
        manifest=manifest,
        select=f"tag:{part}",
        name=f"{study.name}_{part}_models",
        dagster_dbt_translator=Translator(study),
        pool=WAREHOUSE,
        required_resource_keys=resources.KEYS,
    )
    def build(context: dg.AssetExecutionContext) -> Iterator[Any]:
        stores = resources.stores(context, study)
        begin_run(context.instance, context.run, stores)
        try:
            with stores.lake.shared_lock(study.name):
                yield from _build(context, part, study, stores)
        except AlignmentError as error:
            raise dg.Failure(description=str(error), allow_retries=False) from None

    models: dg.AssetsDefinition = build
    return models


def _build(
    context: dg.AssetExecutionContext, part: str, study: Study, stores: Stores
) -> Iterator[Any]:
    """Run dbt; publish the marts once every test has passed, and only then report them."""
    marts = {name: STEPS[name] for name in PARTS[part]}
    specs = marts[PARTS[part][0]].parents(study, None)
    parents = resolve(context.instance, stores.lake, study.name, specs)
    place = warehouse_of(stores.home, study)
    prepare(place, study, _inputs(study, parents.distinct()))
    outcomes = dbt.build(place, f"tag:{part}")
    yield from _check_results(context, outcomes)
    dbt.require_passed(outcomes)
    found = dbt.read_columns(place)
    for name in (outcome.name for outcome in outcomes if outcome.kind == "model"):
        key = dg.AssetKey([study.name, name])
        if key not in context.selected_asset_keys:
            continue
        shown: dict[str, Any] = _column_metadata(study, found.get(name, ()))
        if name not in marts:
            yield dg.MaterializeResult(asset_key=key, metadata=shown)
            continue
        artifact, reused = find_or_make(context, marts[name], study, None, parents, stores)
        became_current(context, artifact, stores, reused=reused)
        described = marts[name].page_metadata(study, artifact)
        yield dg.MaterializeResult(
            asset_key=key,
            metadata={**shown, **metadata(artifact, described, stores, reused=reused)},
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
    def shards(asset: str, table: str) -> list[Path]:
        found = (parent for parent in parents if parent.asset == asset)
        return [path for parent in found for path in shard_files(parent, table)]

    def results(asset: str, name: str) -> list[Result]:
        return [
            Result(
                parent.path / name,
                recipe_of(parent.partition),
                find_seed(parent.partition),
            )
            for parent in parents
            if parent.asset == asset
        ]

    scorers = study.scorers
    return Inputs(
        documents=shards(chain.RAW_CORPUS, file_names.RAW_DOCUMENTS),
        repeats=shards(chain.RAW_CORPUS, file_names.REPEATS),
        metadata=shards(chain.RAW_CORPUS, file_names.METADATA),
        scores={name: shards(chain.SCORED_CORPUS, file_names.scores(name)) for name in scorers},
        failures=shards(chain.SCORED_CORPUS, file_names.FAILURES),
        near_duplicates=[
            parent.path / file_names.NEAR_DUPLICATES
            for parent in parents
            if parent.asset == chain.NEAR_DUPLICATES
        ],
        compositions=results(chain.CURATED_MIX, file_names.COMPOSITION),
        items=results(chain.EVALUATION, file_names.ITEMS),
        losses=results(chain.EVALUATION, file_names.LOSSES),
        tampered_items=results(chain.TAMPERING, file_names.ITEMS),
        tampered_losses=results(chain.TAMPERING, file_names.LOSSES),
        attacks=results(chain.ATTACKS, file_names.ATTACKS),
    )


def definitions(studies: Sequence[Study]) -> dg.Definitions:
    """The models of both parts, in every study."""
    home = Home.from_environment()
    models = []
    for study in studies:
        manifest = dbt.read_manifest(warehouse_of(home, study))
        models += [part_models(part, study, manifest) for part in PARTS]
    return dg.Definitions(assets=models)
