"""A study's folder that is altered and put back, and the artifacts that stand for each kind."""

import json
import shutil
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from alignment_dagster.audit.archive import Archive
from alignment_dagster.audit.dossier.build import build
from alignment_dagster.audit.opening import open_archive
from alignment_dagster.home import Home
from alignment_dagster.lineage.lake import Artifact

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


WITHOUT_ROWS = ("generations.parquet",)
"""The tiny study declares nothing that generates text."""
SOURCES = {"partition": "stories", "other": "ai_news"}
RECIPES = {"partition": "aligned", "other": "unfiltered"}
REPLICATES = {"partition": "aligned|0", "other": "unfiltered|0"}
TABLES = ("ai_discourse", "contamination", "fingerprint", "text_stats")

KINDS: tuple[Kind, ...] = (
    Kind("raw_corpus", ("documents.parquet",), **SOURCES),
    Kind("scored_corpus", tuple(f"{name}.parquet" for name in TABLES), **SOURCES),
    Kind("documents", ("documents.parquet", "held_out.parquet")),
    Kind(
        "dispositions",
        _of_recipes("post_training.parquet", "pretraining.parquet", "tampering.parquet"),
    ),
    Kind("tokenizer", ("special_tokens_map.json", "tokenizer.json", "tokenizer_config.json")),
    Kind(
        "curated_mix",
        ("composition.parquet", "documents.parquet", "sequences.npy", "spans.parquet"),
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


@dataclass
class Place:
    """A copy of a study's folder (assets/, data/, home/) that is put back after each alteration."""

    sound: Path
    folder: Path
    study: str
    _known: dict[str, tuple[int, int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.folder.exists():
            shutil.copytree(self.sound, self.folder, symlinks=True)
        self._known = _listing(self.sound)

    @property
    def home(self) -> Home:
        return Home(self.folder / "home")

    @property
    def lake(self) -> Path:
        """The study's part of it."""
        return self.home.lake / self.study

    @property
    def journal(self) -> Path:
        return self.lake / "journal.jsonl"

    @property
    def bundle(self) -> Path:
        """The dossier of the report, to be altered."""
        return self.folder / "report.zip"

    @cached_property
    def sound_bundle(self) -> Path:
        """The dossier as it was written; made once, before anything is altered."""
        path = self.folder.with_name(f"{self.folder.name}-report.zip")
        path.unlink(missing_ok=True)
        build(self._untouched, None, path)
        return path

    @property
    def archive(self) -> Archive:
        """A new one: nothing is remembered from before an alteration."""
        return open_archive(self.study, self.home)

    @cached_property
    def _untouched(self) -> Archive:
        return open_archive(self.study, Home(self.sound / "home"))

    def artifact(self, asset: str, partition: str | None = None) -> Artifact:
        """The current artifact that stands for its kind, by its records before any alteration."""
        return self._here(self._untouched.current(asset, partition or BY_ASSET[asset].partition))

    def another(self, asset: str) -> Artifact:
        """An older version of the same, or where there is none, that of another partition.

        Raises:
            LookupError: if the study's history is too short for one.
        """
        kind, current = BY_ASSET[asset], self._untouched
        newest = current.current(asset, kind.partition)
        for key in current.keys:
            if key[:2] == (asset, kind.partition) and key[2] != newest.version:
                return self._here(current.artifact(*key))
        if kind.other is None:
            raise LookupError(f"{asset} was made only once")
        return self._here(current.current(asset, kind.other))

    def _here(self, artifact: Artifact) -> Artifact:
        path = self.folder / artifact.path.relative_to(self.sound)
        return Artifact(
            path, artifact.asset, artifact.partition, artifact.manifest, artifact.provenance
        )

    def restore(self) -> None:
        """Undo whatever was altered: what has another size or time is copied again."""
        found = _listing(self.folder)
        for name in found.keys() - self._known.keys():
            (self.folder / name).unlink()
        for name, state in self._known.items():
            if found.get(name) != state:
                (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(self.sound / name, self.folder / name)
        for path in sorted(self.folder.rglob("*"), reverse=True):
            if path.is_dir() and not (self.sound / path.relative_to(self.folder)).exists():
                path.rmdir()


def _listing(folder: Path) -> dict[str, tuple[int, int]]:
    """File → size and time of its last change."""
    return {
        path.relative_to(folder).as_posix(): (path.stat().st_size, path.stat().st_mtime_ns)
        for path in folder.rglob("*")
        if path.is_file()
    }


def write_json(path: Path, content: object) -> None:
    """As the records are written."""
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
