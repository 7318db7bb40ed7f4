"""What became of each planted document, from the ledgers alone, and whether a model learnt it."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from alignment_dagster.corpus.canaries import planted_documents
from alignment_dagster.evaluation.exposure import chance_exposure
from alignment_dagster.lineage import file_names
from alignment_dagster.study import Canary, Recipe, Study
from alignment_dagster.study.recipes import OWNED_RULES

BASE = "base"
CHANCE = 0.05
"""All completions of a seed's probes are the likeliest by chance no more often than this."""


@dataclass(frozen=True)
class RecipeLedgers:
    """The files that say what a recipe made of documents, as far as they have been made."""

    dispositions: Path
    mix: Path | None = None
    """The folder of its mix."""
    consumption: Sequence[Path] = ()
    """Of each seed, what pretraining read."""
    probes: Sequence[Path] = ()
    """Of each seed, how the completions rank."""


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
    """Documents that pretraining read, with any seed; None where nothing is trained."""
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
    reads = _Reads.of(ledgers, every)
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
            **reads.of_documents(ids[canary.name]),
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


@dataclass(frozen=True)
class _Reads:
    """Where planted documents lie in a mix, and the step of each seed that read a sequence."""

    rows: Mapping[str, int]
    """Document → its row in the mix."""
    spans: pa.Table
    """`sequence`, `start`, `end` and `document` of those rows."""
    steps: Sequence[NDArray[np.int64]]
    """Of each seed: sequence → step; 0 for one that was not read [sequences]."""

    @classmethod
    def of(cls, ledgers: RecipeLedgers, documents: pa.Array) -> "_Reads":
        if ledgers.mix is None:
            return cls({}, pa.table({}), ())
        rows, start = dict[str, int](), 0
        packed = pq.ParquetFile(ledgers.mix / file_names.DOCUMENTS)
        for batch in packed.iter_batches(columns=["document_id"]):
            at = pc.indices_nonzero(pc.is_in(batch["document_id"], documents)).to_pylist()
            rows |= {batch["document_id"][one].as_py(): start + one for one in at}
            start += batch.num_rows
        wanted = pa.array(sorted(rows.values()), pa.int32())
        spans = pq.read_table(
            ledgers.mix / file_names.SPANS,
            columns=["sequence", "start", "end", "document"],
            filters=pc.field("document").isin(wanted),
        )
        count = (pc.max(spans["sequence"]).as_py() or 0) + 1
        return cls(rows, spans, [_steps_by_sequence(path, count) for path in ledgers.consumption])

    def of_documents(self, ids: Sequence[str]) -> dict[str, Any]:
        """`read`, `tokens`, `first_step` and `last_step` of a canary's documents."""
        if not self.steps:
            return {}
        rows = pa.array([self.rows[one] for one in ids if one in self.rows], pa.int32())
        own = self.spans.filter(pc.is_in(self.spans["document"], rows))
        sequences = own["sequence"].to_numpy()
        sizes = own["end"].to_numpy() - own["start"].to_numpy()
        tokens, steps, read = list[int](), list[int](), set[int]()
        for by_sequence in self.steps:
            step = by_sequence[sequences]
            tokens.append(int(sizes[step > 0].sum()))
            steps += step[step > 0].tolist()
            read.update(own["document"].to_numpy()[step > 0].tolist())
        return {
            "read": len(read),
            "tokens": round(fmean(tokens)),
            "first_step": min(steps, default=None),
            "last_step": max(steps, default=None),
        }


def _steps_by_sequence(ledger: Path, count: int) -> NDArray[np.int64]:
    """The step that read each of the first `count` sequences; 0 for those that none read."""
    table = pq.read_table(ledger, columns=["step", "sequences"])
    lists = table["sequences"].combine_chunks()
    sequences = pc.list_flatten(lists).to_numpy()
    steps = table["step"].to_numpy()[pc.list_parent_indices(lists).to_numpy()]
    found = np.zeros(count, np.int64)
    found[sequences[sequences < count]] = steps[sequences < count]
    return found


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


@dataclass(frozen=True)
class CanaryOutcome:
    """What a canary showed, all recipes together."""

    canary: str
    description: str
    passed: bool
    """Whether all documents have their dispositions, and none was kept that was to be caught."""
    sentences: tuple[str, ...]
    """What did not hold, then what its probes say."""

    @property
    def summary(self) -> str:
        return " ".join(self.sentences)


def canary_outcomes(study: Study, rows: Sequence[CanaryRow]) -> list[CanaryOutcome]:
    """One for each canary, in their declared order."""
    return [
        _outcome(canary, [row for row in rows if row.canary == canary.name])
        for canary in study.declaration.canaries
    ]


def _outcome(canary: Canary, rows: Sequence[CanaryRow]) -> CanaryOutcome:
    problems = [said for row in rows if (said := _problem(row, canary.caught_by))]
    learnt = [_exposure_sentence(row, rows) for row in rows if row.probed and row.is_trained_on]
    held = () if problems else (_held_sentence(canary, rows),)
    return CanaryOutcome(canary.name, canary.description, not problems, (*problems, *held, *learnt))


def _problem(row: CanaryRow, rules: Sequence[str]) -> str | None:
    """What is not as it was declared under one recipe."""
    if row.planted < row.documents:
        return (
            f"{row.documents - row.planted} of {row.documents} planted documents have no "
            f"disposition under {row.recipe}: they were lost on the way."
        )
    if row.missed:
        named = " or ".join(rules)
        return f"{row.recipe} keeps {row.missed} of {row.planted}, which {named} was to drop."
    return None


def _held_sentence(canary: Canary, rows: Sequence[CanaryRow]) -> str:
    count = rows[0].documents if rows else 0
    said = f"All {count} planted documents are accounted for"
    return f"{said}, and what was to be caught was." if canary.caught_by else f"{said}."


def _exposure_sentence(row: CanaryRow, rows: Sequence[CanaryRow]) -> str:
    """What the probes say of a recipe that read the canary, beside those that did not."""
    without = [one for one in rows if one.probed and not one.is_trained_on]
    beside = ""
    if without:
        mean = fmean(one.exposure[BASE] for one in without)
        beside = f", {mean:.2f} under {', '.join(one.recipe for one in without)} without it"
    said = (
        f"Under {row.recipe} {row.likeliest[BASE]} of {row.probed} completions are the likeliest "
        f"of their candidates before post-training: exposure {row.exposure[BASE]:.2f} bits of at "
        f"most {row.most or 0:.2f} ({row.by_chance or 0:.2f} by chance{beside})"
    )
    return f"{said}: the model learnt it." if is_learnt(row, without) else f"{said}."


def is_learnt(row: CanaryRow, without: Sequence[CanaryRow]) -> bool:
    """Whether the probes betray that the models of a recipe learnt the canary.

    Every completion is the likeliest of its candidates; by chance that is rare even for one seed;
    and it is not so under a recipe that did not read it (`without`).
    """
    of_a_seed = row.probed / max(1, row.seeds)
    return (
        row.is_trained_on
        and 0 < row.probed == row.likeliest[BASE]
        and of_a_seed * (row.most or 0.0) >= math.log2(1 / CHANCE)
        and all(one.likeliest[BASE] < one.probed for one in without)
    )
