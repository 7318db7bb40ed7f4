"""Every step of the chain by its asset's name, in the chain's order."""

from collections.abc import Mapping

from alignment_dagster.chain import (
    CHAIN,
    CLASSIFIER,
    PRETRAINED_CHECKPOINT,
    RAW_CORPUS,
    SCORED_CORPUS,
    WAVES,
)
from alignment_dagster.graph.step import Step
from alignment_dagster.steps import (
    attacks,
    classifier,
    corpus_drift,
    curated_mix,
    eval_report,
    evaluation,
    harness,
    marts,
    near_duplicates,
    post_trained_checkpoint,
    pretrained_checkpoint,
    raw_corpus,
    regression_gate,
    scored_corpus,
    tampering,
    tokenizer,
    trunk_checkpoint,
)
from alignment_dagster.study import Study

_FOUND = {
    step.asset: step
    for step in (
        *marts.STEPS,
        attacks.STEP,
        classifier.STEP,
        corpus_drift.STEP,
        curated_mix.STEP,
        eval_report.STEP,
        evaluation.STEP,
        harness.STEP,
        near_duplicates.STEP,
        post_trained_checkpoint.STEP,
        pretrained_checkpoint.STEP,
        raw_corpus.STEP,
        regression_gate.STEP,
        scored_corpus.STEP,
        tampering.STEP,
        tokenizer.STEP,
        trunk_checkpoint.STEP,
    )
}
STEPS: Mapping[str, Step] = {name: _FOUND[name] for name in CHAIN}
_FIRST = [wave[0].name for wave in WAVES]
READING_WAVE, TRAINING_WAVE = _FIRST.index(RAW_CORPUS), _FIRST.index(PRETRAINED_CHECKPOINT)
"""Where they stand in `WAVES`."""
_SCORING_WAVE = _FIRST.index(SCORED_CORPUS)


def step_of(asset: str) -> Step | None:
    """The step that makes an asset; of a view of the warehouse the one that is made with it."""
    views = {view: STEPS[name] for name, entry in CHAIN.items() for view in entry.views}
    return STEPS.get(asset) or views.get(asset)


def wave_steps(study: Study, wave: int) -> tuple[Step, ...]:
    """The steps of a wave that the study has.

    What waits for classifiers is part of the first wave where there are none: one run a source.
    """
    assets = WAVES[wave]
    if not STEPS[CLASSIFIER].exists(study):
        together = {READING_WAVE: (*assets, *WAVES[_SCORING_WAVE]), _SCORING_WAVE: ()}
        assets = together.get(wave, assets)
    return tuple(STEPS[asset.name] for asset in assets if STEPS[asset.name].exists(study))


def wave_assets(study: Study, wave: int) -> tuple[str, ...]:
    """The Dagster assets that a wave makes."""
    named = (name for step in wave_steps(study, wave) for name in step.selects)
    return tuple(dict.fromkeys(named))
