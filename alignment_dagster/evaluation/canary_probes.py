"""Whether a model learnt a canary: how its completion ranks among the declared alternatives."""

import math
from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from alignment_dagster.evaluation.exposure import exposure, rank_first
from alignment_dagster.evaluation.model.log_probabilities import score
from alignment_dagster.evaluation.suites.encoding import BASE_STAGE, Encoder
from alignment_dagster.evaluation.suites.formats import AS_GIVEN, Prompt
from alignment_dagster.evaluation.suites.items import Item
from alignment_dagster.foundation.errors import DataError
from alignment_dagster.study import Canary, Probe

PROBES = pa.schema(
    [
        ("canary", pa.string()),
        ("probe", pa.int32()),
        ("stage", pa.string()),
        ("candidates", pa.list_(pa.string())),
        ("log_probabilities", pa.list_(pa.float64())),
        ("tokens", pa.list_(pa.int32())),
        ("rank", pa.int32()),
        ("exposure", pa.float64()),
    ]
)
"""One row for each probe and stage; of its candidates the planted completion is the first."""


def probe_rows(
    model: Any,
    tokenizer: Any,
    stage: str,
    canaries: Sequence[Canary],
    context: int,
    batch_tokens: int,
) -> pa.Table:
    """Rank each probe's completion; one row (schema `PROBES`) each, in their declared order.

    Every stage reads plain text, as it stood in pretraining: what was learnt there is asked for.

    Args:
        context: of the model, in tokens.
        batch_tokens: upper bound on the tokens of one forward pass.

    Raises:
        DataError: names the canary whose probe does not fit or whose candidates tokenize alike, or
            whose log-probabilities are not finite.
    """
    prompts = [
        _make_prompt(canary, number, probe)
        for canary in canaries
        for number, probe in enumerate(canary.probes)
    ]
    if not prompts:
        return PROBES.empty_table()
    encoded = Encoder(tokenizer, BASE_STAGE, context).encode(prompts)
    scores = iter(score(model, [one for rows in encoded for one in rows], batch_tokens))
    found = []
    for prompt, rows in zip(prompts, encoded, strict=True):
        values = [next(scores) for _ in rows]
        if not all(map(math.isfinite, values)):
            raise DataError(f"{prompt.item.place}: stage {stage}: log-probabilities are {values}")
        rank = rank_first(values)
        found.append(
            {
                "canary": prompt.item.suite,
                "probe": prompt.item.line,
                "stage": stage,
                "candidates": prompt.answers,
                "log_probabilities": values,
                "tokens": [one.scored for one in rows],
                "rank": rank,
                "exposure": exposure(rank, len(values)),
            }
        )
    return pa.Table.from_pylist(found, schema=PROBES)


def _make_prompt(canary: Canary, number: int, probe: Probe) -> Prompt:
    item = Item(
        item_id=f"{canary.name}.{number}",
        suite=canary.name,
        scenario_id=canary.name,
        topic="",
        question=probe.prompt,
        options=probe.candidates,
        target=0,
        path=f"canary {canary.name}, probe",
        line=number,
    )
    return Prompt(
        item=item,
        format="continuation",
        option_order=AS_GIVEN,
        system_prompt="none",
        system="",
        plain=probe.prompt,
        message=probe.prompt,
        answers=probe.candidates,
        by_token=False,
    )
