"""The check that every number of a report resolves to its data."""

from collections.abc import Iterable

import pyarrow as pa

from alignment_dagster.lineage.partition_keys import partition_label
from alignment_dagster.report.gather.artifacts import Parents
from alignment_dagster.report.gather.replicates import artifact_name
from alignment_dagster.report.results import ResultRow

TOLERANCE = 1e-9


def find_mismatches(rows: Iterable[ResultRow], mart: pa.Table, parents: Parents) -> list[str]:
    """What does not resolve: a number without its artifacts, or unlike the warehouse's own.

    The warehouse computes every value again, in SQL, from the same item results.
    """
    known = _known_versions(parents)
    columns = ("recipe", "seed", "stage", "suite", "system_prompt", "metric")
    in_mart = {tuple(row[name] for name in columns): row["value"] for row in mart.to_pylist()}
    problems = []
    count = 0
    for row in rows:
        count += 1
        place = f"{row.recipe}, seed {row.seed}, {row.stage}, {row.suite}, {row.prompt}"
        if not row.artifacts or any(v not in known.get(k, ()) for k, v in row.artifacts.items()):
            problems.append(f"{place}: its artifacts are not parents of this report")
        key = (row.recipe, row.seed, row.stage, row.suite, row.prompt, row.metric)
        value = in_mart.get(key)
        if value is None or abs(value - row.value) > TOLERANCE:
            problems.append(f"{place}: {row.value!r} here, {value!r} in the warehouse")
    if count != len(in_mart):
        problems.append(f"{count} numbers here, {len(in_mart)} in the warehouse")
    return problems


def _known_versions(parents: Parents) -> dict[str, set[str]]:
    """Of each parent its version, and those of the same bytes that another parent was made from.

    A checkpoint made again with the same bytes is a new version; what was measured on the old one
    is not measured again.
    """
    versions = {artifact_name(artifact): {artifact.version} for artifact in parents.distinct()}
    content = {artifact_name(artifact): artifact.digest for artifact in parents.distinct()}
    for artifact in parents.distinct():
        for parent in artifact.provenance.inputs.parents:
            called = partition_label(parent.asset, parent.partition)
            if content.get(called) == parent.digest:
                versions[called].add(parent.version)
    return versions
