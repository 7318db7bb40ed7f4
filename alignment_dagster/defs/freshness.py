"""Freshness, by partition: checks that name what is stale, kept up to date without any run.

Dagster's freshness policies know assets only. Each check here looks at every partition; it blocks
nothing. A sensor reports it on its ticks, as an event without a run.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import dagster as dg

from alignment_dagster import chain
from alignment_dagster.foundation.errors import AlignmentError
from alignment_dagster.foundation.home import Home
from alignment_dagster.lineage.archive import REPORT
from alignment_dagster.refresh.freshness import Age, corpus_ages, report_age, sentence
from alignment_dagster.steps.pages.tables import table
from alignment_dagster.study import Study

CHECK = "fresh"
EVERY = 300
"""Seconds between two looks at the clock."""


@dataclass(frozen=True)
class Watched:
    """An asset with a declared limit."""

    study: Study
    asset: str
    limit: float
    """Hours."""
    ages: Callable[[Study, Home], Sequence[Age]]

    @property
    def key(self) -> dg.AssetKey:
        return dg.AssetKey([self.study.name, self.asset])


def watched(study: Study) -> Iterator[Watched]:
    """What the study declares a limit for."""
    refresh = study.declaration.refresh
    if refresh is None:
        return
    if refresh.freshness.corpus_hours is not None:
        yield Watched(study, chain.RAW_CORPUS, refresh.freshness.corpus_hours, corpus_ages)
    if refresh.freshness.report_hours is not None:
        limit = refresh.freshness.report_hours
        yield Watched(study, REPORT, limit, lambda study, home: [report_age(study, home)])


def evaluate(one: Watched, now: datetime) -> tuple[dg.AssetCheckResult, list[str]]:
    """The check as it stands at that time, and what is stale.

    A damaged record is said, and is not fresh.
    """
    try:
        ages = one.ages(one.study, Home.from_environment())
    except AlignmentError as error:
        return _result(one, passed=False, said=str(error), metadata={}), [str(error)]
    stale = [age.name for age in ages if age.is_stale(now, one.limit)]
    rows = [
        {"name": age.name, "hours": age.hours(now), "last": age.how, "stale": age.name in stale}
        for age in ages
    ]
    columns = ["name", "hours", "last", "stale"]
    metadata = {"stale": len(stale), "ages": dg.MetadataValue.md(table(rows, columns))}
    said = sentence(ages, now, one.limit)
    return _result(one, passed=not stale, said=said, metadata=metadata), stale


def _result(
    one: Watched, *, passed: bool, said: str, metadata: Mapping[str, Any]
) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        asset_key=one.key,
        check_name=CHECK,
        passed=passed,
        severity=dg.AssetCheckSeverity.WARN,
        description=said,
        metadata={"found": said, **metadata},
    )


def check(one: Watched) -> dg.AssetChecksDefinition:
    """The check, which a person can also run from the asset's page."""

    @dg.asset_check(
        asset=one.key,
        name=CHECK,
        description=(
            f"Read, or looked at and found unchanged, within {one.limit:g} hours; blocks nothing."
        ),
    )
    def fresh() -> dg.AssetCheckResult:
        return evaluate(one, datetime.now(UTC))[0]

    return fresh


def sensor(study: Study) -> dg.SensorDefinition:
    """Reports each check when its outcome changes, and once a day; starts no run."""

    @dg.sensor(
        name=f"{study.name}_freshness",
        description="Looks whether sources and report are as fresh as declared; starts no run.",
        minimum_interval_seconds=EVERY,
        default_status=dg.DefaultSensorStatus.RUNNING,
        tags={"study": study.name},
    )
    def freshness(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        now = datetime.now(UTC)
        told = json.loads(context.cursor) if context.cursor else {}
        events, seen = [], {}
        for one in watched(study):
            result, stale = evaluate(one, now)
            seen[one.asset] = [now.date().isoformat(), stale]
            if told.get(one.asset) != seen[one.asset]:
                events.append(_event(one, result))
        return dg.SensorResult(asset_events=events, cursor=json.dumps(seen))

    return freshness


def _event(one: Watched, result: dg.AssetCheckResult) -> dg.AssetCheckEvaluation:
    return dg.AssetCheckEvaluation(
        asset_key=one.key,
        check_name=CHECK,
        passed=result.passed,
        metadata=result.metadata,
        severity=result.severity,
        description=result.description,
    )


def definitions(studies: Sequence[Study]) -> dg.Definitions:
    """Checks and sensor of every study that declares how fresh it is to be."""
    having = [study for study in studies if any(watched(study))]
    return dg.Definitions(
        asset_checks=[check(one) for study in having for one in watched(study)],
        sensors=[sensor(study) for study in having],
    )
