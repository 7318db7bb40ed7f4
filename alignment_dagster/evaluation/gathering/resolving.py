"""The check that every number of a report resolves to its data."""

from collections.abc import Iterable, Mapping

import pyarrow as pa

from alignment_dagster.evaluation.gathering.artifacts import Parents
from alignment_dagster.evaluation.gathering.replicates import name
from alignment_dagster.evaluation.results import ResultRow

TOLERANCE = 1e-9


def mismatches(rows: Iterable[ResultRow], mart: pa.Table, parents: Parents) -> list[str]:
    """What does not resolve: a number without its artifacts, or unlike the warehouse's own.

    The warehouse computes every value again, in SQL, from the same item results.
    """
    known = {name(artifact): artifact.version for artifact in parents.distinct()}
    measured = {_key(row): row["value"] for row in mart.to_pylist()}
    problems = []
    count = 0
    for row in rows:
        count += 1
        told = f"{row.recipe}, seed {row.seed}, {row.stage}, {row.suite}, {row.prompt}"
        if not row.artifacts or any(known.get(k) != v for k, v in row.artifacts.items()):
            problems.append(f"{told}: its artifacts are not parents of this report")
        key = (row.recipe, row.seed, row.stage, row.suite, row.prompt, row.metric)
        value = measured.get(key)
        if value is None or abs(value - row.value) > TOLERANCE:
            problems.append(f"{told}: {row.value!r} here, {value!r} in the warehouse")
    if count != len(measured):
        problems.append(f"{count} numbers here, {len(measured)} in the warehouse")
    return problems


def _key(row: Mapping[str, object]) -> tuple[object, ...]:
    columns = ("recipe", "seed", "stage", "suite", "system_prompt", "metric")
    return tuple(row[column] for column in columns)
