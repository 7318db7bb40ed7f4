"""Bytes of what is written, from what is declared: weights exactly, ledgers by bytes a row.

The bytes a row are those of the study `quickstart` (28 November 2026): a step's line in the
consumption ledger and the log, a sequence's place in it, a vocabulary's entry in each tokenizer. A
mix is its tokens and, beside them, the map to its documents: as large again as four tenths of the
tokens in a corpus of short documents (160 tokens), and less in one of longer ones.
"""

from alignment_dagster import chain
from alignment_dagster.lineage.partition_keys import recipe_of
from alignment_dagster.preflight.estimate.trainings import Training, find_training
from alignment_dagster.study import Study

NUMBER = 4
"""Bytes of a weight, a gradient, or one of AdamW's two moments: float32."""
STATE_NUMBERS = 3
"""Of a parameter in a training state: itself and two moments."""
STEP_BYTES, SEQUENCE_BYTES, ENTRY_BYTES = 115, 8, 59
DOCUMENT_MAP = 0.4
"""Of the bytes of a mix's tokens."""


def checkpoint_bytes(parameters: int, vocabulary: int) -> int:
    """Of one model's folder."""
    return parameters * NUMBER + vocabulary * ENTRY_BYTES


def state_bytes(parameters: int) -> int:
    """Of one training state, from which training is resumed or replayed."""
    return parameters * NUMBER * STATE_NUMBERS


def ledger_bytes(training: Training) -> int:
    """Of the consumption ledger and the log."""
    return training.steps * STEP_BYTES + training.sequences * SEQUENCE_BYTES


def declared_bytes(
    study: Study, asset: str, partition: str | None, parameters: int, vocabulary: int
) -> int | None:
    """Of an artifact; None where only its data say how large it is."""
    model = checkpoint_bytes(parameters, vocabulary)
    if asset in chain.PRETRAINING_STAGES:
        training = find_training(study, asset, recipe_of(partition))
        states = _kept_states(study, training) * state_bytes(parameters)
        weights = 0 if asset == chain.TRUNK_CHECKPOINT else model
        return weights + states + ledger_bytes(training)
    if asset == chain.POST_TRAINED_CHECKPOINT:
        return model * len(study.declaration.post_training.stages)
    if asset == chain.TAMPERING:
        return model * len(study.declaration.tampering)
    if asset == chain.CURATED_MIX:
        return _mix_bytes(study, recipe_of(partition), vocabulary)
    return None


def _kept_states(study: Study, training: Training) -> int:
    """Where branches begin, and those that `keep_every` asks for."""
    if training.asset == chain.TRUNK_CHECKPOINT:
        begin, kept = 0, set(study.branch_steps(training.recipe))
    else:
        begin, kept = study.pretraining_steps - training.steps, set[int]()
    last = begin + training.steps
    if every := training.settings.keep_every:
        kept |= {step for step in range(every, last, every) if step > begin}
    return len(kept)


def _mix_bytes(study: Study, recipe: str, vocabulary: int) -> int:
    tokens, declared = study.mix(recipe).tokens, study.recipe(recipe)
    token = 2 if vocabulary <= 1 << 16 else 4
    beside = 0
    if declared.treats:
        weighs = any(one.do == "weight" for one in declared.treat)
        beside += 1 + NUMBER * weighs + NUMBER * (declared.reward is not None)
    if study.declaration.mix.packing == "best_fit":
        beside += 1
    return int(tokens * (token * (1 + DOCUMENT_MAP) + beside))
