"""The chain, read first: every asset in order, what it is made from, and its partitions.

    raw corpus → scored corpus → curated mix → pretrained → post-trained checkpoint → eval report

This is the only place that knows the order, the parents and the partitions of the assets. How each
is made stands in `steps/`, a file an asset; `defs/` makes Dagster assets of them in one loop.
"""

from dataclasses import dataclass
from enum import StrEnum

RAW_CORPUS = "raw_corpus"
CLASSIFIER = "classifier"
SCORED_CORPUS = "scored_corpus"
CORPUS_DRIFT = "corpus_drift"
NEAR_DUPLICATES = "near_duplicates"
DOCUMENTS = "documents"
DISPOSITIONS = "dispositions"
TOKENIZER = "tokenizer"
CURATED_MIX = "curated_mix"
TRUNK_CHECKPOINT = "trunk_checkpoint"
PRETRAINED_CHECKPOINT = "pretrained_checkpoint"
POST_TRAINED_CHECKPOINT = "post_trained_checkpoint"
EVALUATION = "evaluation"
TAMPERING = "tampering"
ATTACKS = "attacks"
HARNESS = "harness"
MIX_COMPOSITION = "mix_composition"
METRICS = "metrics"
EVAL_REPORT = "eval_report"
REGRESSION_GATE = "regression_gate"


class By(StrEnum):
    """What an asset has one partition for."""

    STUDY = "study"
    """It is one thing in each study, without partitions."""
    SOURCE = "source"
    CLASSIFIER = "classifier"
    RECIPE = "recipe"
    REPLICATE = "replicate"
    """A recipe and a seed: `recipe|seed`."""
    TRUNK = "trunk"
    """The same, of recipes that others branch from."""


@dataclass(frozen=True)
class Asset:
    """One asset of every study's graph."""

    name: str
    by: By
    group: str
    """Dagster shows the groups of a study by name, so each begins with its place."""
    parents: tuple[str, ...] = ()
    """Of which partition and which file of each, the step says."""
    views: tuple[str, ...] = ()
    """Other tables of the warehouse that are made with it and leave no artifact."""


CORPUS, MIX, TRAINING, RESULTS, GATE = "1_corpus", "2_mix", "3_training", "4_evaluation", "5_gate"
PRETRAINING_STAGES = {TRUNK_CHECKPOINT: "trunk", PRETRAINED_CHECKPOINT: "pretraining"}
"""What reads a mix, and how the stage is called in tables."""
POST_TRAINING_STAGES = ("sft", "dpo", "grpo")
"""In their order, each on from the one before; GRPO is where a study declares it."""
MODELS = (PRETRAINED_CHECKPOINT, POST_TRAINED_CHECKPOINT)
MEASUREMENTS = (EVALUATION, TAMPERING, ATTACKS)
"""What the warehouse's `metrics` are computed from."""

WAVES: tuple[tuple[Asset, ...], ...] = (
    (Asset(RAW_CORPUS, By.SOURCE, CORPUS),),
    (Asset(CLASSIFIER, By.CLASSIFIER, CORPUS, (RAW_CORPUS,)),),
    (
        Asset(SCORED_CORPUS, By.SOURCE, CORPUS, (RAW_CORPUS, CLASSIFIER)),
        Asset(CORPUS_DRIFT, By.SOURCE, CORPUS, (RAW_CORPUS, SCORED_CORPUS)),
    ),
    (Asset(NEAR_DUPLICATES, By.STUDY, CORPUS, (RAW_CORPUS,)),),
    (
        Asset(
            DOCUMENTS,
            By.STUDY,
            CORPUS,
            (RAW_CORPUS, SCORED_CORPUS, CORPUS_DRIFT, NEAR_DUPLICATES),
            views=("stg_documents", "stg_scores"),
        ),
        Asset(
            DISPOSITIONS,
            By.STUDY,
            CORPUS,
            (RAW_CORPUS, SCORED_CORPUS, CORPUS_DRIFT, NEAR_DUPLICATES),
        ),
    ),
    (Asset(TOKENIZER, By.STUDY, MIX, (RAW_CORPUS, DOCUMENTS)),),
    (Asset(CURATED_MIX, By.RECIPE, MIX, (RAW_CORPUS, SCORED_CORPUS, DISPOSITIONS, TOKENIZER)),),
    (Asset(TRUNK_CHECKPOINT, By.TRUNK, TRAINING, (CURATED_MIX, TOKENIZER)),),
    (
        Asset(
            PRETRAINED_CHECKPOINT,
            By.REPLICATE,
            TRAINING,
            (CURATED_MIX, TOKENIZER, TRUNK_CHECKPOINT),
        ),
        Asset(
            POST_TRAINED_CHECKPOINT,
            By.REPLICATE,
            TRAINING,
            (PRETRAINED_CHECKPOINT, RAW_CORPUS, CLASSIFIER, DISPOSITIONS),
        ),
        Asset(EVALUATION, By.REPLICATE, RESULTS, (*MODELS, DOCUMENTS, RAW_CORPUS)),
        Asset(
            TAMPERING,
            By.REPLICATE,
            RESULTS,
            (POST_TRAINED_CHECKPOINT, RAW_CORPUS, DISPOSITIONS, DOCUMENTS),
        ),
        Asset(ATTACKS, By.REPLICATE, RESULTS, MODELS),
        Asset(HARNESS, By.REPLICATE, RESULTS, MODELS),
    ),
    (
        Asset(MIX_COMPOSITION, By.STUDY, RESULTS, (CURATED_MIX, *MEASUREMENTS)),
        Asset(METRICS, By.STUDY, RESULTS, (CURATED_MIX, *MEASUREMENTS)),
    ),
    (
        Asset(
            EVAL_REPORT,
            By.STUDY,
            RESULTS,
            (
                *(METRICS, MIX_COMPOSITION, RAW_CORPUS, DOCUMENTS, DISPOSITIONS, CURATED_MIX),
                *(TRUNK_CHECKPOINT, *MODELS, *MEASUREMENTS),
            ),
        ),
    ),
    (
        Asset(
            REGRESSION_GATE,
            By.STUDY,
            GATE,
            (EVAL_REPORT, EVALUATION, CURATED_MIX, DISPOSITIONS, RAW_CORPUS),
        ),
    ),
)
"""The assets of one wave share their partitions, and run as one Dagster run for each partition.

In a study without classifiers nothing stands between reading and scoring: they are one wave. One
in which no recipe branches from another has no trunk.
"""

CHAIN = {asset.name: asset for wave in WAVES for asset in wave}
"""Every asset by name, in order."""
ORDER = tuple(CHAIN)
GROUPS = tuple(dict.fromkeys(asset.group for asset in CHAIN.values()))
BY_SOURCE = tuple(asset.name for asset in CHAIN.values() if asset.by is By.SOURCE)
OF_REPLICATES = (By.REPLICATE, By.TRUNK)
OF_RECIPES = tuple(
    asset.name for asset in CHAIN.values() if asset.by in (By.RECIPE, *OF_REPLICATES)
)
"""Those whose partitions name a recipe."""


def place(asset: str) -> int:
    """Where an asset stands in the chain, to sort by; what is unknown stands last."""
    return ORDER.index(asset) if asset in CHAIN else len(ORDER)
