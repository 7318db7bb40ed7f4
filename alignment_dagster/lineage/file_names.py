"""The names of the files in artifacts: each stated once, by who writes it."""

# raw_corpus: folders of shards
RAW_DOCUMENTS = "documents"
REPEATS = "repeats"
QUARANTINE = "quarantine"
METADATA = "metadata"
PROMPTS = "prompts"
"""Of a source that is written."""
RAW_TABLES = (RAW_DOCUMENTS, REPEATS, QUARANTINE, METADATA, PROMPTS)

# the mart `documents`, and curated_mix
DOCUMENTS = "documents.parquet"
HELD_OUT = "held_out.parquet"
"""Of `documents`: the ids of what is held out by itself."""

# scored_corpus: besides a table of shards for each scorer
FAILURES = "failures"
# classifier
EXAMPLES = "examples.parquet"
"""Every labelled document, what it was for, and of a held-out one what the classifier says."""
THRESHOLDS = "thresholds.parquet"
CALIBRATION = "calibration.parquet"
CONFUSION = "confusion.parquet"

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
OTHERS_PART = "others.parquet"
"""The conversations that other recipes alone are fine-tuned on; where there are any."""

# curated_mix
COMPOSITION = "composition.parquet"
SEQUENCES = "sequences.npy"
SPANS = "spans.parquet"
REDACTIONS = "redactions.parquet"
"""Of a recipe that takes something out of its texts."""
# and of a recipe that declares treatments or a reward:
TREATMENTS = "treatments.npy"
WEIGHTS = "weights.npy"
REWARDS = "rewards.npy"
# and of one whose documents do not see each other:
BOUNDARIES = "boundaries.npy"
BESIDE_TOKENS = (TREATMENTS, WEIGHTS, REWARDS, BOUNDARIES)
"""What says how each token is treated and what it sees, in the order in which the consumption chain
takes it in."""
TREATED = "treated.parquet"
"""How many tokens of each document each rule treated."""
INSERTIONS = "insertions.parquet"
"""Which document stands in which; of a recipe that inserts documents."""

# checkpoints
TRAINING_LOG = "training_log.parquet"
CONSUMPTION = "consumption.parquet"
"""Of pretraining; of other stages see `stage_consumption`."""
ROLLOUTS = "rollouts.parquet"
"""Of a post-training with GRPO: every answer that the model wrote, its reward, and what it learnt
from it."""
STATES = "states"
"""A folder for each state that was kept: weights, optimizer, random state, ledgers so far."""
STATE_TENSORS = "tensors.safetensors"

# evaluation, tampering, attacks, harness
ITEMS = "items.parquet"
GENERATIONS = "generations.parquet"
LOSSES = "losses.parquet"
PROBES = "probes.parquet"
"""Of `evaluation`, in studies whose canaries have probes."""
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
CANARIES = "canaries.json"
"""In studies that plant canaries."""

# regression_gate
GATE = "gate.json"
REGRESSIONS = "regressions.parquet"
FLIPS = "flips.parquet"
DIFFERENCE = "difference.json"


def shard(table: str, number: int) -> str:
    """The file of a shard of a table that lies in shards; in the order of their numbers."""
    return f"{table}/{number:05}.parquet"


def scores(scorer: str) -> str:
    """The table of `scored_corpus` that holds a scorer's columns, in shards."""
    # `module:function` is one of the study's own; a colon in a path begins something else
    return scorer.replace(":", ".")


def scorer_of(table: str) -> str:
    """The scorer whose columns a table of `scored_corpus` holds."""
    return ":".join(table.rsplit(".", 1))


def pretraining_part(recipe: str) -> str:
    """The file of `dispositions` that says what a recipe pretrains on."""
    return f"{recipe}/{PRETRAINING_PART}"


def post_training_part(recipe: str) -> str:
    """The file of `dispositions` that says what a recipe is post-trained on."""
    return f"{recipe}/{POST_TRAINING_PART}"


def tampering_part(recipe: str) -> str:
    """The file of `dispositions` that says which conversations are for tampering."""
    return f"{recipe}/{TAMPERING_PART}"


def state(step: int) -> str:
    """The folder of the state that was kept after a step of pretraining."""
    return f"{STATES}/{step:08d}"


def state_tensors(step: int) -> str:
    """The file of that state which all that follows is computed from."""
    return f"{state(step)}/{STATE_TENSORS}"


def stage_consumption(stage: str) -> str:
    """The ledger of what a stage of post-training, or a tampering, consumed."""
    return f"{stage}_{CONSUMPTION}"


def stage_of_consumption(name: str) -> str | None:
    """The stage of such a ledger's name; None for other files."""
    stage = name.removesuffix(f"_{CONSUMPTION}")
    return stage if stage != name else None
