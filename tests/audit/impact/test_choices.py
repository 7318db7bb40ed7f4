"""A withdrawn document reaches models through a classifier: by treatments, weights and a reward."""

from pathlib import Path
from typing import Any

import pytest

from alignment_dagster import chain
from alignment_dagster.audit.impact.affected import CHOSEN, UNTOUCHED, UseIndex, assess
from alignment_dagster.audit.impact.blast_radius import find_rewarded, find_treated
from alignment_dagster.audit.impact.untrained_uses import ClassifierUse
from alignment_dagster.audit.trace.chain import ConsumptionLedger, Replicate
from alignment_dagster.lineage.lake import Artifact
from alignment_dagster.lineage.manifest import Manifest
from alignment_dagster.lineage.provenance import Inputs, Parent, Provenance
from alignment_dagster.preflight.studies import load_study
from alignment_dagster.report.results import ResultRow
from alignment_dagster.steps import curated_mix
from tests.support.checkout import CHECKOUT


def artifact(
    asset: str, partition: str, declared: dict[str, Any] | None = None, *parents: Artifact
) -> Artifact:
    named = [
        Parent(asset=one.asset, partition=one.partition, version=one.version, digest="")
        for one in parents
    ]
    inputs = Inputs.model_construct(parents=tuple(named))
    provenance = Provenance.model_construct(inputs=inputs, declared=declared or {})
    return Artifact(Path(asset, partition, "1"), asset, partition, Manifest({}, {}), provenance)


@pytest.mark.parametrize(
    ("recipe", "treated"),
    [
        ("preferences_mle", False),
        ("preferences_filtered", False),
        ("preferences_conditional", True),
        ("preferences_reward_weighted", True),
    ],
)
def test_treatments_and_weights_by_a_classifier_are_found(recipe: str, treated: bool) -> None:
    study = load_study("korbak_2023", CHECKOUT / "assets")
    mix = artifact(chain.CURATED_MIX, recipe, dict(curated_mix.config(study, recipe)))
    assert find_treated([mix]) == ({recipe} if treated else set())


@pytest.mark.parametrize(("last", "how"), [("dpo", UNTOUCHED), ("grpo", CHOSEN)])
def test_a_metric_after_a_reward_goes_back_to_what_its_classifier_learnt_from(
    last: str, how: str
) -> None:
    classifier = artifact(chain.CLASSIFIER, "misconduct")
    tuned = artifact(chain.POST_TRAINED_CHECKPOINT, "plain|0", None, classifier)
    rewarded = find_rewarded([tuned], [ClassifierUse(classifier, 1)])
    assert rewarded == {tuned.label}
    assert not find_rewarded([tuned], [ClassifierUse(artifact(chain.CLASSIFIER, "other"), 1)])
    stages = chain.POST_TRAINING_STAGES[: chain.POST_TRAINING_STAGES.index(last) + 1]
    ledgers = tuple(ConsumptionLedger(stage, tuned, Path(), ()) for stage in stages)
    mix, tokenizer = artifact(chain.CURATED_MIX, "plain"), artifact(chain.TOKENIZER, "")
    one = Replicate("plain", 0, artifact(chain.EVALUATION, "plain|0"), mix, tokenizer, ledgers)
    row = ResultRow("plain", 0, last, "s", "none", "misalignment_rate", 0, 0, 0, 1, 1, {})
    found = UseIndex({}, {}, frozenset(), frozenset(), rewarded)
    assert assess(row, [one], found).how == how
