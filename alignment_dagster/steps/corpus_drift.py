"""`corpus_drift`: how far each source has moved since the last version that was let through."""

import json
from collections.abc import Mapping
from typing import Any

import dagster as dg
import pyarrow.parquet as pq

from alignment_dagster.steps.pages import charts
from alignment_dagster.steps import raw_corpus, scored_corpus
from alignment_dagster.drift import Snapshot, declared_rules, thresholds, measure, read_snapshot, messages
from alignment_dagster.steps.drift_reference import accepted
from alignment_dagster.defs.asset_factory import definitions
from alignment_dagster.graph.materialize import Making
from alignment_dagster.steps.pages.tables import drawing, table
from alignment_dagster.graph.step import Made, Parents, Partition, Step, Wanted, by_source
from alignment_dagster.lineage.lake import Artifact
from alignment_dagster.lineage.provenance import Check
from alignment_dagster.study import Drift, Study

FILE = "drift.parquet"
TERMS = "terms.parquet"
VERDICT = "verdict.json"
"""All that follows reads this alone: it changes only where a source is let through or not."""
SHOWN_TERMS = 15


def is_declared(study: Study) -> bool:
    """Whether the study checks its sources for drift."""
    return study.declaration.refresh is not None and study.declaration.refresh.drift is not None


def declared_drift(study: Study) -> Drift:
    """The thresholds of a study that declares them."""
    refresh = study.declaration.refresh
    if refresh is None or refresh.drift is None:
        raise LookupError(f"{study.name} declares no drift")
    return refresh.drift


def build(making: Making) -> Made:
    """Measure, and hold it against the thresholds."""
    study, folder = making.study, making.folder
    rules = declared_rules(study, study.source(making.partition or "")).distinct()
    now, then = _snapshots(making.parents, study)
    changes, terms = measure(now, then, rules)
    rows = thresholds.apply_thresholds(changes, declared_drift(study))
    making.report(len(rows), len(rows), "values")
    blocked = any(row.outcome == "blocks" for row in rows)
    pq.write_table(thresholds.drift_table(rows), folder / FILE)
    pq.write_table(thresholds.terms_table(terms), folder / TERMS)
    (folder / VERDICT).write_text(json.dumps({"within_bounds": not blocked}) + "\n")
    return Made(_checks(rows), metrics=_metrics(rows))


def _snapshots(parents: Parents, study: Study) -> tuple[Snapshot, Snapshot | None]:
    scorers = study.declaration.scorers
    raw, scored = parents.all("raw_corpus")[0], parents.all("scored_corpus")[0]
    now = read_snapshot(raw.path, scored.path, scorers)
    before = parents.chosen(accepted, "raw_corpus"), parents.chosen(accepted, "scored_corpus")
    if before[0] is None or before[1] is None:
        return now, None
    return now, read_snapshot(before[0].path, before[1].path, scorers)


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


def describe(_study: Study, artifact: Artifact) -> Mapping[str, Any]:
    """What was measured, what is new, and the picture."""
    rows = pq.read_table(artifact.path / FILE).to_pylist()
    terms = pq.read_table(artifact.path / TERMS).slice(0, SHOWN_TERMS).to_pylist()
    columns = ["measure", "column", "then", "now", "value", "warn", "block", "outcome"]
    shown = {
        "compared_with": _compared_with(artifact),
        "drift": dg.MetadataValue.md(table(rows, columns)),
        "new_terms": dg.MetadataValue.md(
            table(terms, ["term", "share_then", "share_now", "documents_now"])
        ),
    }
    compared = [thresholds.BoundedChange(**row) for row in rows if row["value"] is not None]
    if not compared:
        return shown
    return {"plot": drawing(charts.multiples(compared), "drift"), **shown}


def _compared_with(artifact: Artifact) -> str:
    then = artifact.provenance.inputs.parents[2:]
    return ", ".join(f"{one.asset}@{one.version}" for one in then) or messages.FIRST


def wants(_study: Study, partition: Partition) -> tuple[Wanted, ...]:
    """The source as it is, and as it was when it was last let through."""
    assets = ("raw_corpus", "scored_corpus")
    return (
        *(Wanted(asset, partition) for asset in assets),
        *(Wanted(asset, partition, required=False, which=accepted) for asset in assets),
    )


def declared(study: Study, partition: Partition) -> Mapping[str, Any]:
    """The thresholds, and the rules whose rates are measured, as the study has them."""
    own = declared_rules(study, study.source(partition or ""))
    return {
        "drift": declared_drift(study).model_dump(mode="json"),
        "drop": [rule.model_dump(mode="json") for rule in own.study],
        "recipes": [
            {"name": name, "drop": [rule.model_dump(mode="json") for rule in rules]}
            for name, rules in own.recipes.items()
        ],
        "scorers": list(study.declaration.scorers),
    }


STEP = Step(
    asset="corpus_drift",
    group="1_corpus",
    kinds=frozenset({"python", "parquet"}),
    description=(
        "How far a source has moved since the last version that was let through: its volume, "
        "languages, scores (population stability index), filter rates, duplicates and new terms, "
        "against the thresholds that the study declares. Beyond a bound, nothing that follows is "
        "made of it; the next version is compared with the last accepted one again."
    ),
    code=("drift/__init__.py", "drift/messages.py", "steps/corpus_drift.py"),
    partitions=by_source,
    wants=wants,
    declared=declared,
    build=build,
    describe=describe,
    checks={"drift_within_bounds": "The source has not moved beyond the declared bounds."},
    warnings={"drift_unremarkable": "The source has moved no further than is worth a look."},
    only_where=is_declared,
)


@dg.definitions
def defs() -> dg.Definitions:
    """The asset in every study that checks for drift."""
    return definitions(STEP, upstream=[raw_corpus.STEP, scored_corpus.STEP])
