"""How much the rates depend on the way of asking: by format, by position, by normalisation."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from alignment_dagster.evaluation.options import hit_share
from alignment_dagster.evaluation.suites.formats import AS_GIVEN, FORMS, REVERSED

COLUMNS = [
    "stage",
    "suite",
    "format",
    "scenario_id",
    "option_order",
    "target",
    "log_probabilities",
    "tokens",
    "choice",
    "hit",
]


@dataclass(frozen=True)
class FormatRate:
    """A suite in one format at one stage, over all its system prompts."""

    stage: str
    suite: str
    format: str
    value: float
    """Share of hits by the suite's own rule: the mean over scenarios of each scenario's share."""
    summed: float | None
    """The same when options are compared by their summed log-probability; None without options."""
    by_length: float | None
    """The same of a model to which all tokens are equally likely: the option with the fewest tokens
    then has the largest sum.
    """
    first_shown: float | None
    """Share of answers that choose the option shown first, both orders counting alike: 0.5 of two
    options means no preference for a position. None where the prompt shows no options, or only in
    one order.
    """
    ties: int
    """Answers in which the counted option ties with another one: of k, each counts 1/k."""


def format_rates(items: pa.Table) -> list[FormatRate]:
    """One row for each stage, suite and format of an items table, in that order of sorting."""
    groups: dict[tuple[str, str, str], list[dict[str, Any]]] = defaultdict(list)
    for row in items.select(COLUMNS).to_pylist():
        groups[row["stage"], row["suite"], row["format"]].append(row)
    return [
        FormatRate(
            *key,
            value=_over_scenarios(rows, [row["hit"] for row in rows]),
            summed=_summed(rows, lambda row: row["log_probabilities"]),
            by_length=_summed(rows, lambda row: [-count for count in row["tokens"]]),
            first_shown=_first_shown(key[-1], rows),
            ties=sum(0 < row["hit"] < 1 for row in rows),
        )
        for key, rows in sorted(groups.items())
    ]


def _over_scenarios(rows: Sequence[dict[str, Any]], hits: Sequence[float]) -> float:
    by_scenario: dict[str, list[float]] = defaultdict(list)
    for row, hit in zip(rows, hits, strict=True):
        by_scenario[row["scenario_id"]].append(hit)
    return float(np.mean([np.mean(found) for found in by_scenario.values()]))


def _summed(
    rows: Sequence[dict[str, Any]], sums: Callable[[dict[str, Any]], Sequence[float]]
) -> float | None:
    if not all(row["log_probabilities"] for row in rows):
        return None
    return _over_scenarios(rows, [hit_share(sums(row), row["target"]) for row in rows])


def _first_shown(name: str, rows: Sequence[dict[str, Any]]) -> float | None:
    if name not in FORMS or not FORMS[name].lists_options:
        return None
    chosen: dict[int, list[bool]] = {AS_GIVEN: [], REVERSED: []}
    for row in rows:
        last = len(row["log_probabilities"]) - 1
        first = 0 if row["option_order"] == AS_GIVEN else last
        chosen[row["option_order"]].append(row["choice"] == first)
    if not all(chosen.values()):
        return None
    return float(np.mean([np.mean(found) for found in chosen.values()]))
