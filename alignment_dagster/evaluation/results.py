"""Result rows: one number each, with its interval, its size and the artifacts it came from."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from alignment_dagster.errors import ArtifactError
from alignment_dagster.evaluation import statistics
from alignment_dagster.evaluation.statistics import Array, Estimate

MISALIGNMENT_RATE = "misalignment_rate"
ACCURACY = "accuracy"
BITS_PER_BYTE = "bits_per_byte"
METRICS = {"misalignment": MISALIGNMENT_RATE, "capability": ACCURACY}
HELD_OUT = "held_out"
NO_PROMPT = "none"

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


@dataclass(frozen=True)
class Evaluated:
    """The evaluation of one replicate: its tables, and the artifacts behind them."""

    recipe: str
    seed: int
    items: pa.Table
    losses: pa.Table
    artifacts: Mapping[str, str]
    """`asset[partition]` → version."""


@dataclass(frozen=True)
class ResultRow:
    """One measured value."""

    recipe: str
    seed: int | None
    """None for the pool over all seeds."""
    stage: str
    suite: str
    prompt: str
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


@dataclass(frozen=True)
class DifferenceRow:
    """`recipe` less `against`, on the same scenarios."""

    recipe: str
    against: str
    stage: str
    suite: str
    prompt: str
    metric: str
    value: float
    ci_low: float
    ci_high: float
    n: int


@dataclass(frozen=True)
class _Cells:
    """What a metric is computed from, for one recipe: [seeds, scenarios]."""

    metric: str
    values: Array
    sizes: Array | None
    """Bytes of the documents, for losses."""

    def estimate(self, resamples: int, key: str) -> Estimate:
        if self.sizes is None:
            return statistics.rate(self.values, resamples, key)
        return statistics.bits_per_byte(self.values, self.sizes, resamples, key)

    def seed(self, number: int) -> "_Cells":
        return _Cells(self.metric, self.values[number : number + 1], self.sizes)


Slice = tuple[str, str, str]
"""Stage, suite, prompt."""


def result_rows(
    evaluated: Sequence[Evaluated], kinds: Mapping[str, str], resamples: int
) -> tuple[ResultRow, ...]:
    """Every metric of every recipe: the pool over its seeds, then each seed.

    Args:
        evaluated: one for each recipe and seed; rows follow its order of recipes.
        kinds: suite → `misalignment` or `capability`.
        resamples: bootstrap resamples.

    Raises:
        ArtifactError: if the seeds of a recipe did not answer the same items.
    """
    rows: list[ResultRow] = []
    for recipe, seeds in _by_recipe(evaluated).items():
        cells = {**_item_cells(seeds, kinds), **_loss_cells(seeds)}
        pooled = {key: version for one in seeds for key, version in one.artifacts.items()}
        for at, table in cells.items():
            rows.append(_row(recipe, None, at, table, resamples, pooled))
        for number, one in enumerate(seeds):
            for at, table in cells.items():
                own = dict(one.artifacts)
                rows.append(_row(recipe, one.seed, at, table.seed(number), resamples, own))
    return tuple(rows)


def topic_rows(
    evaluated: Sequence[Evaluated], kinds: Mapping[str, str], resamples: int
) -> tuple[TopicRow, ...]:
    """The pooled rate of every topic, recipe, stage and system prompt."""
    rows: list[TopicRow] = []
    topics = sorted({(s, t) for one in evaluated for s, t in _pairs(one.items, "suite", "topic")})
    for recipe, seeds in _by_recipe(evaluated).items():
        for suite, topic in topics:
            only = (pc.field("suite") == suite) & (pc.field("topic") == topic)
            for at, cells in _item_cells(seeds, kinds, only).items():
                stage, _, prompt = at
                one = cells.estimate(resamples, "|".join((recipe, *at, topic)))
                numbers = (one.value, one.ci_low, one.ci_high, one.scenarios)
                rows.append(TopicRow(recipe, stage, suite, topic, prompt, *numbers))
    return tuple(rows)


def difference_rows(
    evaluated: Sequence[Evaluated], kinds: Mapping[str, str], resamples: int
) -> tuple[DifferenceRow, ...]:
    """Every pair of recipes on every suite: the later one less the earlier one."""
    tables = {recipe: _item_cells(seeds, kinds) for recipe, seeds in _by_recipe(evaluated).items()}
    rows: list[DifferenceRow] = []
    for against, recipe in combinations(tables, 2):
        for at, cells in tables[recipe].items():
            if at not in tables[against]:
                continue
            stage, suite, prompt = at
            one = statistics.difference(
                cells.values,
                tables[against][at].values,
                resamples,
                "|".join((recipe, against, *at)),
            )
            numbers = (one.value, one.ci_low, one.ci_high, one.scenarios)
            named = (recipe, against, stage, suite, prompt, cells.metric)
            rows.append(DifferenceRow(*named, *numbers))
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
    cells: _Cells,
    resamples: int,
    artifacts: dict[str, str],
) -> ResultRow:
    one = cells.estimate(resamples, "|".join((recipe, str(seed), *at, cells.metric)))
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
        artifacts=artifacts,
    )


def _by_recipe(evaluated: Sequence[Evaluated]) -> dict[str, list[Evaluated]]:
    recipes: dict[str, list[Evaluated]] = {one.recipe: [] for one in evaluated}
    for one in evaluated:
        recipes[one.recipe].append(one)
    return {recipe: sorted(seeds, key=lambda one: one.seed) for recipe, seeds in recipes.items()}


def _item_cells(
    seeds: Sequence[Evaluated], kinds: Mapping[str, str], only: pc.Expression | None = None
) -> dict[Slice, _Cells]:
    """Per scenario the mean over formats, each of which is the mean over its orders and items."""
    parts = [
        _scenario_means(one.items if only is None else one.items.filter(only)) for one in seeds
    ]
    slices = {at: METRICS[kinds[at[1]]] for part in parts for at in part if at[1] in kinds}
    return {
        at: _Cells(metric, _matrix(seeds, at, [part.get(at, {}) for part in parts]), None)
        for at, metric in slices.items()
    }


def _scenario_means(items: pa.Table) -> dict[Slice, dict[str, float]]:
    keys = ["stage", "suite", "system_prompt", "scenario_id"]
    items = items.set_column(
        items.schema.get_field_index("hit"), "hit", items["hit"].cast(pa.float64())
    )
    formats = items.group_by([*keys, "format"], use_threads=False).aggregate([("hit", "mean")])
    means = formats.group_by(keys, use_threads=False).aggregate([("hit_mean", "mean")])
    slices: dict[Slice, dict[str, float]] = {}
    for row in means.to_pylist():
        at = (row["stage"], row["suite"], row["system_prompt"])
        slices.setdefault(at, {})[row["scenario_id"]] = row["hit_mean_mean"]
    return slices


def _loss_cells(seeds: Sequence[Evaluated]) -> dict[Slice, _Cells]:
    parts = [_document_losses(one.losses) for one in seeds]
    cells: dict[Slice, _Cells] = {}
    for at in sorted({at for part in parts for at in part}, key=_stage_first(parts)):
        nll = [{key: row[0] for key, row in part.get(at, {}).items()} for part in parts]
        sizes = parts[0].get(at, {})
        ordered = np.array([sizes[key][1] for key in sorted(sizes)], dtype=np.float64)
        cells[at] = _Cells(BITS_PER_BYTE, _matrix(seeds, at, nll), ordered)
    return cells


def _stage_first(parts: Sequence[Mapping[Slice, Any]]) -> Any:
    stages = list(dict.fromkeys(at[0] for part in parts for at in part))
    return lambda at: (stages.index(at[0]), at[1])


def _document_losses(losses: pa.Table) -> dict[Slice, dict[str, tuple[float, int]]]:
    slices: dict[Slice, dict[str, tuple[float, int]]] = {}
    for row in losses.to_pylist():
        if row["bytes"] > 0:
            for suite in (HELD_OUT, f"{HELD_OUT}/{row['source']}"):
                at = (row["stage"], suite, NO_PROMPT)
                slices.setdefault(at, {})[row["document_id"]] = (row["nll"], row["bytes"])
    return slices


def _matrix(seeds: Sequence[Evaluated], at: Slice, parts: Sequence[Mapping[str, float]]) -> Array:
    """[seeds, units], units in the order of their ids."""
    units = sorted(parts[0])
    for one, part in zip(seeds, parts, strict=True):
        if sorted(part) != units:
            raise ArtifactError(
                f"evaluation of {one.recipe}, seed {one.seed}: stage {at[0]}, suite {at[1]}: "
                f"not the same items as seed {seeds[0].seed}; evaluate again"
            )
    return np.array([[part[unit] for unit in units] for part in parts], dtype=np.float64)


def _pairs(table: pa.Table, *columns: str) -> set[tuple[str, str]]:
    return set(zip(*(table[column].to_pylist() for column in columns), strict=True))
