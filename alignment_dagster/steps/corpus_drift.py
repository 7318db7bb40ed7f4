"""`corpus_drift`: how far each source has moved since the last version that was let through."""

import json
from collections.abc import Mapping
from typing import Any

import pyarrow.parquet as pq

from alignment_dagster import chain
from alignment_dagster.drift import (
    Snapshot,
    declared_rules,
    measure,
    messages,
    read_snapshot,
    thresholds,
)
from alignment_dagster.graph.build_context import BuildContext
from alignment_dagster.graph.parent_spec import Parents, ParentSpec
from alignment_dagster.graph.step import BuildResult, Step
from alignment_dagster.lineage import file_names
from alignment_dagster.lineage.partition_keys import Partition
from alignment_dagster.lineage.provenance import Check
from alignment_dagster.steps.drift_reference import accepted_version
from alignment_dagster.steps.pages.corpus_drift import page_metadata
from alignment_dagster.study import Drift, Study


def is_declared(study: Study) -> bool:
    """Whether the study checks its sources for drift."""
    return study.declaration.refresh is not None and study.declaration.refresh.drift is not None


def declared_drift(study: Study) -> Drift:
    """The thresholds of a study that declares them."""
    refresh = study.declaration.refresh
    if refresh is None or refresh.drift is None:
        raise LookupError(f"{study.name} declares no drift")
    return refresh.drift


def build(context: BuildContext) -> BuildResult:
    """Measure, and hold it against the thresholds."""
    study, folder = context.study, context.folder
    rules = declared_rules(study, study.source(context.partition or "")).distinct()
    now, then = _snapshots(context.parents, study)
    changes, terms = measure(now, then, rules)
    rows = thresholds.apply_thresholds(changes, declared_drift(study))
    context.report(len(rows), len(rows), "values")
    blocked = any(row.outcome == "blocks" for row in rows)
    pq.write_table(thresholds.drift_table(rows), folder / file_names.DRIFT)
    pq.write_table(thresholds.terms_table(terms), folder / file_names.NEW_TERMS)
    (folder / file_names.VERDICT).write_text(json.dumps({"within_bounds": not blocked}) + "\n")
    return BuildResult(_checks(rows), metrics=_metrics(rows))


def _snapshots(parents: Parents, study: Study) -> tuple[Snapshot, Snapshot | None]:
    scorers = study.scorers
    raw, scored = parents.all(chain.RAW_CORPUS)[0], parents.all(chain.SCORED_CORPUS)[0]
    now = read_snapshot(raw, scored, scorers)
    before = (
        parents.selected(accepted_version, chain.RAW_CORPUS),
        parents.selected(accepted_version, chain.SCORED_CORPUS),
    )
    if before[0] is None or before[1] is None:
        return now, None
    return now, read_snapshot(before[0], before[1], scorers)


def _checks(rows: list[thresholds.BoundedChange]) -> tuple[Check, ...]:
    outcomes = {row.outcome for row in rows}
    return (
        Check(
            name="drift_within_bounds",
            passed="blocks" not in outcomes,
            summary=messages.blocking_message(rows),
        ),
        Check(
            name="drift_unremarkable",
            passed=outcomes <= {"within", "not_compared"},
            summary=messages.warning_message(rows),
            blocking=False,
        ),
    )


def _metrics(rows: list[thresholds.BoundedChange]) -> dict[str, float]:
    """The largest value of each measure."""
    largest: dict[str, float] = {}
    for row in rows:
        if row.value is not None:
            largest[row.measure] = max(row.value, largest.get(row.measure, 0.0))
    return largest


def parents(_study: Study, partition: Partition) -> tuple[ParentSpec, ...]:
    """The source as it is, and as it was when it was last let through."""
    assets = (chain.RAW_CORPUS, chain.SCORED_CORPUS)
    return (
        *(ParentSpec(asset, partition) for asset in assets),
        *(
            ParentSpec(asset, partition, required=False, selector=accepted_version)
            for asset in assets
        ),
    )


def config(study: Study, partition: Partition) -> Mapping[str, Any]:
    """The thresholds, and the rules whose rates are measured, as the study has them."""
    own = declared_rules(study, study.source(partition or ""))
    return {
        "drift": declared_drift(study).model_dump(mode="json"),
        "drop": [rule.model_dump(mode="json") for rule in own.study],
        "recipes": [
            {"name": name, "drop": [rule.model_dump(mode="json") for rule in rules]}
            for name, rules in own.recipes.items()
        ],
        "scorers": list(study.scorers),
    }


STEP = Step(
    asset=chain.CORPUS_DRIFT,
    kinds=frozenset({"python", "parquet"}),
    description=(
        "How far a source has moved since the last version that was let through: its volume, "
        "languages, scores (population stability index), filter rates, duplicates and new terms, "
        "against the thresholds that the study declares. Beyond a bound, nothing that follows is "
        "made of it; the next version is compared with the last accepted one again."
    ),
    code_version="3",
    modules=("drift/__init__.py", "drift/messages.py", "steps/corpus_drift.py"),
    parents=parents,
    config=config,
    build=build,
    page_metadata=page_metadata,
    checks={"drift_within_bounds": "The source has not moved beyond the declared bounds."},
    warnings={"drift_unremarkable": "The source has moved no further than is worth a look."},
    exists=is_declared,
)
