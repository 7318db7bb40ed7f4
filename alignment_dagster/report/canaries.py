"""What became of each planted document, from the ledgers alone, and how its probes rank."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from alignment_dagster.chain import POST_TRAINING_STAGES
from alignment_dagster.corpus.canaries import planted_documents
from alignment_dagster.evaluation.exposure import chance_exposure
from alignment_dagster.report.canary_reads import RecipeLedgers, count_reads, read_documents
from alignment_dagster.study import Canary, Recipe, Study
from alignment_dagster.study.recipes import OWNED_RULES


@dataclass(frozen=True)
class CanaryRow:
    """A canary under one recipe."""

    canary: str
    recipe: str
    source: str
    documents: int
    """As declared."""
    planted: int
    """Of them, in the recipe's dispositions."""
    kept: int
    dropped: Mapping[str, int]
    """Rule → documents that it dropped, the most first."""
    missed: int
    """Kept, though a rule of the recipe was to catch them."""
    seeds: int
    """That were trained."""
    read: int | None = None
    """Documents that pretraining read in steps that its guard did not leave out, with any seed;
    None where nothing is trained."""
    tokens: int | None = None
    """Of those documents, mean over the seeds."""
    first_step: int | None = None
    """Of any seed."""
    last_step: int | None = None
    exposure: Mapping[str, float] = field(default_factory=dict)
    """Stage → mean over seeds and probes, in bits; empty where nothing was asked."""
    likeliest: Mapping[str, int] = field(default_factory=dict)
    """Stage → how many of the completions are the likeliest of their candidates."""
    probed: int = 0
    """Probes of all seeds, at each stage."""
    most: float | None = None
    """The highest exposure that there can be, mean over the probes."""
    by_chance: float | None = None
    """The exposure where every rank is as likely as any other, mean over the probes."""

    @property
    def is_trained_on(self) -> bool:
        return bool(self.tokens)


def last_stage(rows: Sequence[CanaryRow]) -> str:
    """The last stage after which any probe was asked; `dpo` where none was."""
    asked = {stage for row in rows for stage in row.exposure}
    return next((one for one in reversed(POST_TRAINING_STAGES) if one in asked), "dpo")


def canary_rows(study: Study, ledgers: Mapping[str, RecipeLedgers]) -> list[CanaryRow]:
    """One row for each canary and recipe, in their declared order.

    Which documents are looked for is computed from the declaration, not read where they were
    planted: one that was lost on the way shows.

    Args:
        study: declares the canaries.
        ledgers: recipe → its files; recipes without any are left out.

    Raises:
        DataError: names the file of texts that cannot be used.
    """
    canaries = study.declaration.canaries
    ids = {
        one.name: [identity for identity, _ in planted_documents(one, study.assets)]
        for one in canaries
    }
    found = {
        recipe.name: _measure(study, recipe, ids, ledgers[recipe.name])
        for recipe in study.recipes
        if recipe.name in ledgers
    }
    return [rows[one.name] for one in canaries for rows in found.values()]


def _measure(
    study: Study, recipe: Recipe, ids: Mapping[str, list[str]], ledgers: RecipeLedgers
) -> dict[str, CanaryRow]:
    """Canary → its row under one recipe."""
    every = pa.array([one for found in ids.values() for one in found], pa.string())
    decided = pq.read_table(
        ledgers.dispositions,
        columns=["document_id", "state", "rule"],
        filters=pc.field("document_id").isin(every),
    ).to_pylist()
    by_id = {row["document_id"]: row for row in decided}
    reads = read_documents(ledgers, every)
    probes = [row for path in ledgers.probes for row in pq.read_table(path).to_pylist()]
    rows = {}
    for canary in study.declaration.canaries:
        states = [by_id[one] for one in ids[canary.name] if one in by_id]
        dropped = Counter(row["rule"] for row in states if row["rule"] is not None)
        kept = sum(row["state"] == "kept" for row in states)
        rows[canary.name] = CanaryRow(
            canary=canary.name,
            recipe=recipe.name,
            source=canary.source,
            documents=len(ids[canary.name]),
            planted=len(states),
            kept=kept,
            dropped=dict(dropped.most_common()),
            missed=kept if _is_to_catch(study, recipe, canary) else 0,
            seeds=len(ledgers.consumption),
            **count_reads(reads, ids[canary.name]),
            **_exposures([row for row in probes if row["canary"] == canary.name]),
        )
    return rows


def _is_to_catch(study: Study, recipe: Recipe, canary: Canary) -> bool:
    """Whether a rule that is to catch the canary is one of the recipe's."""
    group = study.source(canary.source).group
    if group not in recipe.shares:
        return False
    rules = [*study.declaration.drop, *recipe.drop]
    own = {one.rule for one in rules if one.groups is None or group in one.groups}
    return not (own | {*OWNED_RULES}).isdisjoint(canary.caught_by)


def _exposures(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What the probes of one canary say, over all seeds."""
    if not rows:
        return {}
    by_stage: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        by_stage.setdefault(row["stage"], []).append(row)
    sizes = [len(row["candidates"]) for row in rows]
    return {
        "exposure": {stage: fmean(row["exposure"] for row in of) for stage, of in by_stage.items()},
        "likeliest": {stage: sum(row["rank"] == 1 for row in of) for stage, of in by_stage.items()},
        "probed": len(rows) // len(by_stage),
        "most": fmean(map(math.log2, sizes)),
        "by_chance": fmean(map(chance_exposure, sizes)),
    }
