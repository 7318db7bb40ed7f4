"""Result rows: one number each, with its interval, its size and the artifacts it came from."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from alignment_dagster import chain
from alignment_dagster.foundation.errors import ArtifactError
from alignment_dagster.lineage import file_names
from alignment_dagster.lineage.partition_keys import Partition, recipe_of, seed_of
from alignment_dagster.report.cells import (
    Cells,
    Replicate,
    Slice,
    all_cells,
    attack_cells,
    by_recipe,
)
from alignment_dagster.study import ATTACK_SUCCESS, Study

CODE_VERSION = "5"
"""Of the report: raised when its numbers or its files' columns change on purpose. The wording and
the layout of its page are no reason."""

ROWS = pa.schema(
    [
        ("recipe", pa.string()),
        ("seed", pa.int64()),
        ("stage", pa.string()),
        ("suite", pa.string()),
        ("prompt", pa.string()),
        ("metric", pa.string()),
        ("value", pa.float64()),
        ("ci_low", pa.float64()),
        ("ci_high", pa.float64()),
        ("n", pa.int64()),
        ("seeds", pa.int64()),
        ("artifacts", pa.map_(pa.string(), pa.string())),
    ]
)
TAMPERED = "@"
"""A tampered stage is called `<tampering>@<step>`."""


@dataclass(frozen=True)
class ResultRow:
    """One measured value."""

    recipe: str
    seed: int | None
    """None for the pool over all seeds."""
    stage: str
    suite: str
    prompt: str
    """The system prompt; for attacks, the attack."""
    metric: str
    value: float
    ci_low: float
    ci_high: float
    n: int
    """Scenarios (documents for losses) behind the value: what the interval generalises over."""
    seeds: int
    """Replicates; with one, the interval covers scenarios only."""
    artifacts: dict[str, str]


@dataclass(frozen=True)
class TopicRow:
    """The pooled value of one topic of a suite."""

    recipe: str
    stage: str
    suite: str
    topic: str
    prompt: str
    value: float
    ci_low: float
    ci_high: float
    n: int


def is_tampered(stage: str) -> bool:
    """Whether a stage is a step of a tampering."""
    return TAMPERED in stage


def origin(stage: str, metric: str) -> str:
    """The asset in which a number was measured."""
    if metric == ATTACK_SUCCESS:
        return chain.ATTACKS
    return chain.TAMPERING if is_tampered(stage) else chain.EVALUATION


def result_rows(
    replicates: Sequence[Replicate], metrics: Mapping[str, str]
) -> tuple[ResultRow, ...]:
    """Every metric of every recipe: the pool over its seeds, then each seed.

    Args:
        replicates: one for each recipe and seed; rows follow its order of recipes.
        metrics: suite → what its hits are a share of.

    Raises:
        ArtifactError: if the seeds of a recipe did not answer the same items.
    """
    rows: list[ResultRow] = []
    for recipe, seeds in by_recipe(replicates).items():
        found = [*all_cells(seeds, metrics).items(), *attack_cells(seeds).items()]
        rows += [_row(recipe, None, at, cells, seeds) for at, cells in found]
        for one in seeds:
            own = [(at, cells.of(one.seed)) for at, cells in found if one.seed in cells.seeds]
            rows += [_row(recipe, one.seed, at, cells, [one]) for at, cells in own]
    return tuple(rows)


def results_json(rows: Iterable[ResultRow]) -> str:
    """The rows as a JSON list, one row a line."""
    lines = [json.dumps(asdict(row), ensure_ascii=False, sort_keys=False) for row in rows]
    return "[\n" + ",\n".join(lines) + "\n]\n"


def read_results(path: Path) -> tuple[ResultRow, ...]:
    """The rows that `results_json` wrote.

    Raises:
        ArtifactError: if the file is absent or is not such a list.
    """
    try:
        return tuple(ResultRow(**row) for row in json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise ArtifactError(f"{path}: these are no results: {error}") from None


def results_table(rows: Iterable[ResultRow]) -> pa.Table:
    """The rows as Arrow; `artifacts` becomes a map."""
    return pa.Table.from_pylist(
        [{**asdict(row), "artifacts": sorted(row.artifacts.items())} for row in rows], schema=ROWS
    )


def _row(
    recipe: str,
    seed: int | None,
    at: Slice,
    cells: Cells,
    seeds: Sequence[Replicate],
) -> ResultRow:
    one = cells.estimate()
    behind = {
        name: version
        for replicate in seeds
        if replicate.seed in cells.seeds
        for name, version in replicate.artifacts[origin(at[0], cells.metric)].items()
    }
    return ResultRow(
        recipe,
        seed,
        *at,
        metric=cells.metric,
        value=one.value,
        ci_low=one.ci_low,
        ci_high=one.ci_high,
        n=one.scenarios,
        seeds=one.seeds,
        artifacts=behind,
    )


def replicate_rows(study: Study, folder: Path, partition: Partition) -> tuple[ResultRow, ...]:
    """What one evaluation alone measures: the rows of its recipe and seed.

    Args:
        folder: of the artifact `evaluation`.
    """
    seed = seed_of(partition)
    replicate = Replicate(
        recipe_of(partition),
        seed,
        pq.read_table(folder / file_names.ITEMS),
        pq.read_table(folder / file_names.LOSSES),
        artifacts={chain.EVALUATION: {}},
    )
    metrics = {suite.name: suite.metric for suite in study.suites}
    rows = result_rows([replicate], metrics)
    return tuple(row for row in rows if row.seed == seed)
