"""The kinds of artifacts, and the one of each that stands for all."""

from dataclasses import dataclass

MODEL = (
    "config.json",
    "generation_config.json",
    "model.safetensors",
    "special_tokens_map.json",
    "tokenizer.json",
    "tokenizer_config.json",
)


def _model(stage: str) -> tuple[str, ...]:
    return tuple(f"{stage}/{name}" for name in MODEL)


def _of_recipes(*names: str) -> tuple[str, ...]:
    return tuple(f"{recipe}/{name}" for recipe in ("aligned", "unfiltered") for name in names)


@dataclass(frozen=True)
class Kind:
    """The artifact that stands for all of its asset, and another partition of it."""

    asset: str
    files: tuple[str, ...]
    partition: str | None = None
    other: str | None = None

    @property
    def tables(self) -> tuple[str, ...]:
        """The Parquet files that have rows."""
        return tuple(
            name for name in self.files if name.endswith(".parquet") and name not in WITHOUT_ROWS
        )

    @property
    def data(self) -> str:
        """The file that is altered where one of them is enough: the first table, or weights."""
        names = (*self.tables, *(name for name in self.files if name == "tokenizer.json"))
        return names[0]


WITHOUT_ROWS = ("failures/00000.parquet", "generations.parquet")
"""No scorer fails in the tiny study, and it declares nothing that generates text."""
SOURCES = {"partition": "stories", "other": "ai_news"}
RECIPES = {"partition": "aligned", "other": "unfiltered"}
REPLICATES = {"partition": "aligned|0", "other": "unfiltered|0"}
TABLES = ("ai_discourse", "contamination", "failures", "fingerprint", "text_stats")

KINDS: tuple[Kind, ...] = (
    Kind(
        "raw_corpus",
        tuple(
            f"{name}/00000.parquet" for name in ("documents", "metadata", "quarantine", "repeats")
        ),
        **SOURCES,
    ),
    Kind("scored_corpus", tuple(f"{name}/00000.parquet" for name in TABLES), **SOURCES),
    Kind("documents", ("documents.parquet", "held_out.parquet")),
    Kind(
        "dispositions",
        _of_recipes("post_training.parquet", "pretraining.parquet", "tampering.parquet"),
    ),
    Kind("tokenizer", ("special_tokens_map.json", "tokenizer.json", "tokenizer_config.json")),
    Kind(
        "curated_mix",
        (
            "composition.parquet",
            "documents.parquet",
            "rewards.npy",
            "sequences.npy",
            "spans.parquet",
            "treated.parquet",
            "treatments.npy",
            "weights.npy",
        ),
        **RECIPES,
    ),
    Kind(
        "pretrained_checkpoint",
        ("consumption.parquet", *_model("model"), "training_log.parquet"),
        **REPLICATES,
    ),
    Kind(
        "post_trained_checkpoint",
        (
            *_model("dpo"),
            "dpo_consumption.parquet",
            *_model("sft"),
            "sft_consumption.parquet",
            "training_log.parquet",
        ),
        **REPLICATES,
    ),
    Kind("evaluation", ("generations.parquet", "items.parquet", "losses.parquet"), **REPLICATES),
    Kind(
        "tampering",
        (
            *_model("bad_chat"),
            "bad_chat_consumption.parquet",
            "curve.parquet",
            "items.parquet",
            "losses.parquet",
            "training_log.parquet",
        ),
        **REPLICATES,
    ),
    Kind("attacks", ("attacks.parquet", "not_applied.parquet", "reproduced.parquet"), **REPLICATES),
    Kind("mix_composition", ("mix_composition.parquet",)),
    Kind("metrics", ("metrics.parquet",)),
    Kind(
        "eval_report",
        (
            "findings.json",
            "questions.parquet",
            "report.html",
            "results.json",
            "results.parquet",
        ),
    ),
)
BY_ASSET = {kind.asset: kind for kind in KINDS}
