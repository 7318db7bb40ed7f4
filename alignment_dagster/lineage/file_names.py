"""The names of the files in artifacts: each stated once, by who writes it."""

# raw_corpus, and the mart `documents`
DOCUMENTS = "documents.parquet"
HELD_OUT = "held_out.parquet"
"""Of `documents`: the ids of what is held out by itself."""

# corpus_drift
DRIFT = "drift.parquet"
NEW_TERMS = "terms.parquet"
VERDICT = "verdict.json"
"""All that follows reads this alone: it changes only where a source is let through or not."""

# near_duplicates
NEAR_DUPLICATES = "near_duplicates.parquet"
CLUSTERS = "clusters.parquet"

# dispositions: in a folder a recipe
PRETRAINING_PART = "pretraining.parquet"
POST_TRAINING_PART = "post_training.parquet"
TAMPERING_PART = "tampering.parquet"

# curated_mix
COMPOSITION = "composition.parquet"
SEQUENCES = "sequences.npy"
SPANS = "spans.parquet"

# checkpoints
TRAINING_LOG = "training_log.parquet"
CONSUMPTION = "consumption.parquet"
"""Of pretraining; of other stages see `stage_consumption`."""

# evaluation, tampering, attacks, harness
ITEMS = "items.parquet"
GENERATIONS = "generations.parquet"
LOSSES = "losses.parquet"
CURVE = "curve.parquet"
ATTACKS = "attacks.parquet"
NOT_APPLIED = "not_applied.parquet"
REPRODUCED = "reproduced.parquet"
SUMMARY = "summary.parquet"
SAMPLES = "samples.parquet"

# the marts `metrics` and `mix_composition`
METRICS = "metrics.parquet"
MIX_COMPOSITION = "mix_composition.parquet"

# eval_report
REPORT = "report.html"
RESULTS = "results.json"
RESULTS_TABLE = "results.parquet"
QUESTIONS = "questions.parquet"
FINDINGS = "findings.json"

# regression_gate
GATE = "gate.json"
REGRESSIONS = "regressions.parquet"
FLIPS = "flips.parquet"
DIFFERENCE = "difference.json"


def scores(scorer: str) -> str:
    """The file of `scored_corpus` that holds a scorer's columns."""
    return f"{scorer}.parquet"


def pretraining_part(recipe: str) -> str:
    """The file of `dispositions` that says what a recipe pretrains on."""
    return f"{recipe}/{PRETRAINING_PART}"


def post_training_part(recipe: str) -> str:
    """The file of `dispositions` that says what a recipe is post-trained on."""
    return f"{recipe}/{POST_TRAINING_PART}"


def tampering_part(recipe: str) -> str:
    """The file of `dispositions` that says which conversations are for tampering."""
    return f"{recipe}/{TAMPERING_PART}"


def stage_consumption(stage: str) -> str:
    """The ledger of what a stage of post-training, or a tampering, consumed."""
    return f"{stage}_{CONSUMPTION}"


def stage_of_consumption(name: str) -> str | None:
    """The stage of such a ledger's name; None for other files."""
    stage = name.removesuffix(f"_{CONSUMPTION}")
    return stage if stage != name else None
