"""From hits to the number, step by step: what a person with a calculator needs.

A rate is a mean of means: of a scenario's answers within a format, of its formats, of all
scenarios, of all seeds. So it is not all hits over all answers, unless every format of every
scenario was asked equally often.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from alignment_dagster.audit.ledgers import fetch_rows
from alignment_dagster.audit.trace.chain import Chain
from alignment_dagster.audit.trace.measurement import load_answers, load_losses
from alignment_dagster.audit.trace.parquet import Connection, Row
from alignment_dagster.report.cells import BITS_PER_BYTE
from alignment_dagster.study import ATTACK_SUCCESS

Part = tuple[float, int]
"""Hits and answers; of losses nats and bytes."""
EXACT = 1e-9
"""Sums in another order differ by less."""


@dataclass(frozen=True)
class UnitStep:
    """One scenario (or held-out document) of one seed."""

    seed: int
    unit: str
    parts: Mapping[str, Part]
    """By format; of attacks the attack, of losses the source."""
    value: float
    """The mean over formats; of losses nats."""


@dataclass(frozen=True)
class Group:
    """Scenarios of a seed that were asked equally often: their formats alone lead to their mean."""

    units: int
    parts: Mapping[str, Part]
    """By format, over these scenarios; of losses by source."""
    value: float


@dataclass(frozen=True)
class SeedStep:
    """One seed: its own number."""

    seed: int
    groups: tuple[Group, ...]
    """Of losses one."""
    whole: Part
    """Of rates the sum of the scenarios' means, and their count; of losses nats and bytes."""
    value: float

    @property
    def units(self) -> int:
        return sum(one.units for one in self.groups)


@dataclass(frozen=True)
class Arithmetic:
    """All steps from the single measurements to a metric."""

    forms: tuple[str, ...]
    units: tuple[UnitStep, ...]
    seeds: tuple[SeedStep, ...]
    whole: Part
    """All hits and all answers of all seeds; of losses nats and bytes."""
    ties: int
    """Answers in which k options are equally likely, the counted one among them: 1/k of a hit."""
    is_loss: bool
    is_attack: bool

    @property
    def value(self) -> float:
        """The mean over seeds."""
        return sum(one.value for one in self.seeds) / len(self.seeds)

    @property
    def groups(self) -> int:
        """Of a seed, at most."""
        return max((len(one.groups) for one in self.seeds), default=0)


def compute_steps(connection: Connection, chain: Chain) -> Arithmetic:
    """Every step from the ledgers' rows to a metric."""
    is_loss = chain.row.metric == BITS_PER_BYTE
    rows = _fetch_losses(connection, chain) if is_loss else _fetch_answers(connection, chain)
    return build_steps(rows, chain.row.metric)


def build_steps(rows: Sequence[Row], metric: str) -> Arithmetic:
    """The steps over rows of `seed`, `unit`, `form`, `hits`, `asked` (nats, bytes) and `ties`."""
    is_loss = metric == BITS_PER_BYTE
    found: dict[tuple[int, str], dict[str, Part]] = {}
    for row in rows:
        found.setdefault((row["seed"], row["unit"]), {})[row["form"]] = (row["hits"], row["asked"])
    units = [
        UnitStep(seed, unit, parts, parts[next(iter(parts))][0] if is_loss else _mean(parts))
        for (seed, unit), parts in found.items()
    ]
    seeds = tuple(dict.fromkeys(one.seed for one in units))
    own = [[one for one in units if one.seed == seed] for seed in seeds]
    return Arithmetic(
        forms=tuple(dict.fromkeys(row["form"] for row in rows)),
        units=tuple(units),
        seeds=tuple(_loss_step(one) if is_loss else _rate_step(one) for one in own),
        whole=(math.fsum(row["hits"] for row in rows), sum(row["asked"] for row in rows)),
        ties=sum(row["ties"] for row in rows),
        is_loss=is_loss,
        is_attack=metric == ATTACK_SUCCESS,
    )


def find_step_gap(steps: Arithmetic, chain: Chain) -> list[str]:
    """That the steps do not lead to the report's number: one of both was altered."""
    return step_gap(steps.value, chain.row.value) if steps.seeds else []


def step_gap(steps: float, said: float) -> list[str]:
    """What the steps give and what the report says, where that is not the same."""
    if math.isclose(steps, said, rel_tol=EXACT, abs_tol=EXACT):
        return []
    return [f"the steps give {steps:.6f}, and the report says {said:.6f}"]


def _fetch_answers(connection: Connection, chain: Chain) -> list[Row]:
    """Hits and answers by seed, scenario and format; an attacked item is broken by any attack."""
    load_answers(connection, chain)
    grouped = (
        "select seed, scenario_id as unit, {form} as form, sum(hit) as hits, count(*) as asked, "
        "count(*) filter (0 < hit and hit < 1) as ties from "
    )
    ended = " group by seed, scenario_id, form order by seed, unit, form"
    if chain.row.metric != ATTACK_SUCCESS:
        return fetch_rows(connection, f"{grouped.format(form='form')}asked{ended}")
    items = (
        "select seed, scenario_id, item_id, max(hit) as hit from asked "
        "group by seed, scenario_id, item_id"
    )
    query = grouped.format(form="?::varchar")
    return fetch_rows(connection, f"{query}({items}){ended}", chain.row.prompt)


def _fetch_losses(connection: Connection, chain: Chain) -> list[Row]:
    load_losses(connection, chain)
    return fetch_rows(
        connection,
        "select seed, document_id as unit, source as form, nll as hits, bytes as asked, 0 as ties "
        "from measured order by seed, source, document_id",
    )


def _mean(parts: Mapping[str, Part]) -> float:
    return math.fsum(hits / asked for hits, asked in parts.values()) / len(parts)


def _rate_step(units: list[UnitStep]) -> SeedStep:
    alike: dict[tuple[tuple[str, int], ...], list[UnitStep]] = {}
    for one in units:
        shape = tuple((form, asked) for form, (_, asked) in one.parts.items())
        alike.setdefault(shape, []).append(one)
    groups = [
        Group(len(own), _sum_parts(own), math.fsum(one.value for one in own) / len(own))
        for _, own in sorted(alike.items())
    ]
    whole = math.fsum(one.value for one in units)
    return SeedStep(units[0].seed, tuple(groups), (whole, len(units)), whole / len(units))


def _loss_step(units: list[UnitStep]) -> SeedStep:
    parts = _sum_parts(units)
    nats = math.fsum(hits for hits, _ in parts.values())
    size = sum(asked for _, asked in parts.values())
    value = nats / (math.log(2) * size)
    return SeedStep(units[0].seed, (Group(len(units), parts, value),), (nats, size), value)


def _sum_parts(units: list[UnitStep]) -> dict[str, Part]:
    forms = dict.fromkeys(form for one in units for form in one.parts)
    own = {form: [one.parts[form] for one in units if form in one.parts] for form in forms}
    return {
        form: (math.fsum(hits for hits, _ in found), sum(asked for _, asked in found))
        for form, found in own.items()
    }
