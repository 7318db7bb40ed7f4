"""What a study's own numbers do not show, from its declaration and its data."""

from collections import Counter
from collections.abc import Iterator, Sequence

import pyarrow.parquet as pq

from alignment_dagster import chain
from alignment_dagster.evaluation.options import TIE_RULE, count_ties
from alignment_dagster.evaluation.suites.loader import read_suite
from alignment_dagster.foundation.model_files import model_place
from alignment_dagster.lineage import file_names
from alignment_dagster.lineage.base import UNKNOWN_READING
from alignment_dagster.report.cells import Replicate, by_recipe
from alignment_dagster.report.gather.artifacts import Parents
from alignment_dagster.study import Study

SHOWN = 10
"""Lines of a file that a sentence names."""


def study_limits(
    study: Study, parents: Parents, replicates: Sequence[Replicate]
) -> tuple[str, ...]:
    """Sentences for the report's limits."""
    return (
        *_base(study),
        *_canaries(study),
        *_seeds(replicates),
        *_ties(replicates),
        *_tampering(study),
        *_attacks(study),
        *_not_applied(parents),
        *_judges(study, parents),
        *set_aside_rows(study),
    )


def _base(study: Study) -> Iterator[str]:
    if (base := study.declaration.base) is not None:
        yield (
            f"Every model goes on from the checkpoint {model_place(base)}: {UNKNOWN_READING}, "
            "evaluation items and what recipes drop included. Seeds vary the order of the data "
            "alone."
        )


def _canaries(study: Study) -> Iterator[str]:
    if canaries := study.declaration.canaries:
        named = ", ".join(f"{one.name} in {one.source}" for one in canaries)
        yield f"The study planted documents of its own in its sources: {named}."


def _seeds(replicates: Sequence[Replicate]) -> Iterator[str]:
    single = [recipe for recipe, seeds in by_recipe(replicates).items() if len(seeds) == 1]
    if single:
        yield (
            f"One seed only: {', '.join(single)}. Intervals and p-values of these recipes cover "
            "the choice of scenarios, not that of the seed: they are about these very models, and "
            "claims on them stay undecided."
        )


def _ties(replicates: Sequence[Replicate]) -> Iterator[str]:
    for recipe, seeds in by_recipe(replicates).items():
        ties = sum(count_ties(one.items) for one in seeds)
        if ties:
            answers = sum(one.items.num_rows for one in seeds)
            yield (f"Of {recipe}, {ties:,} of {answers:,} answers are ties: {TIE_RULE}.")


def _tampering(study: Study) -> Iterator[str]:
    for one in study.declaration.tampering:
        if one.formats is not None:
            yield (
                f"During {one.name} the suites are asked without a system prompt, and in these "
                f"formats only: {', '.join(one.formats)}."
            )


def _attacks(study: Study) -> Iterator[str]:
    attacks = study.declaration.attacks
    if attacks is not None:
        items = f"{attacks.items} items" if attacks.items else "all items"
        yield f"Attacks are put to {items} of each suite, in the format dialogue only."


def _not_applied(parents: Parents) -> Iterator[str]:
    """Attacks that did not fit the context, added up over all replicates."""
    left: Counter[str] = Counter()
    for artifact in parents.all(chain.ATTACKS):
        table = pq.read_table(artifact.path / file_names.NOT_APPLIED, columns=["attack"])
        left.update(table["attack"].to_pylist())
    for attack, count in sorted(left.items()):
        yield f"The attack {attack} was left out {count:,} times: it did not fit the context."


def _judges(study: Study, parents: Parents) -> Iterator[str]:
    """Who judged the answers of suites that declare a judge, as the evaluations recorded it."""
    measured = [artifact.provenance.measured for artifact in parents.all(chain.EVALUATION)]
    for suite in study.asked_suites:
        if suite.scorer is None or suite.scorer.kind != "judge":
            continue
        fallback = {one.get(f"{suite.name}_judge_fallback") for one in measured} - {None}
        for kind in sorted(map(str, fallback)):
            yield f"{suite.name}: no judge was asked; its fallback `{kind}` decided on the answers."
        for model in sorted({str(one.get(f"{suite.name}_judge_model")) for one in measured}):
            agreed = [
                float(one[f"{suite.name}_judge_agreement"])
                for one in measured
                if one.get(f"{suite.name}_judge_model") == model
            ]
            if agreed:
                yield (
                    f"{suite.name}: the model {model} judged the answers. It agrees with at least "
                    f"{min(agreed):.0%} of the labelled ones."
                )


def set_aside_rows(study: Study) -> Iterator[str]:
    """Rows of items files that no item was made of."""
    for suite in study.suites:
        found = read_suite(suite, study.assets)
        if found.set_aside:
            word = "line" if len(found.set_aside) == 1 else "lines"
            lines = ", ".join(str(row.line) for row in found.set_aside[:SHOWN])
            more = ", …" if len(found.set_aside) > SHOWN else ""
            share = f"{len(found.set_aside):,} of {found.rows:,} rows"
            yield (
                f"{suite.name}: {share} of {suite.items.path} are set aside, since no item can be "
                f"made of them ({word} {lines}{more}; the first: {found.set_aside[0].reason})."
            )
