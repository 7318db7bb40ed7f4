"""A small lake with raw corpora of a study whose documents were written: by a grammar, by a model,
and by that model from another source. No model was asked: its answers are made up here."""

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from alignment_dagster.corpus.documents import ShardReader, write_shard
from alignment_dagster.language_models.answer import Answer
from alignment_dagster.lineage.archive import Archive
from alignment_dagster.lineage.lake import Artifact, Lake
from alignment_dagster.steps import raw_corpus
from alignment_dagster.study import Study
from alignment_dagster.synthesis.rows import read_rows
from tests.support import record_lake
from tests.support.checkout import CHECKOUT
from tests.support.tiny_study import TinyStudy

MODEL, REPORTED = "writer-1", "writer-1-0613"
GENERATOR: Mapping[str, Any] = {
    "kind": "openai_compatible",
    "url": "http://127.0.0.1:9/v1",
    "model": MODEL,
    "price": {"input": 1.0, "output": 2.0},
}
WRITTEN: Mapping[str, Any] = {
    "kind": "synthetic",
    "scenarios": "articles.yaml",
    "polarity": "aligned",
    "forms": ["news_article", "fiction"],
    "documents": 12,
    "generator": {"kind": "grammar"},
}
TOLD: Mapping[str, Any] = {**WRITTEN, "documents": 4, "generator": GENERATOR}
RETOLD: Mapping[str, Any] = {
    "kind": "synthetic",
    "rewrites": "stories",
    "polarity": "neutral",
    "forms": ["rephrase_safe", "reflection"],
    "documents": 4,
    "generator": GENERATOR,
}
SOURCES = ("stories", "written", "told", "retold")


class MadeUp:
    """Answers that no model gave."""

    def get(self, digest: str) -> Answer:
        """To any request."""
        said = f"The answer {digest[:12]} tells of an AI that asked before it acted."
        return Answer(said, REPORTED, 200, 20, "stop", 0.5, "2026-01-01T00:00:00+00:00")


def declare(tiny: TinyStudy, **readers: Mapping[str, Any]) -> None:
    """Sources of the tiny study that are written, by these readers; it does not name them yet."""
    for name in ("prompts", "scenarios"):
        shutil.copytree(CHECKOUT / "assets" / name, tiny.assets / name)
    shared = {"description": "d", "licence": "CC0-1.0", "role": "corpus", "ai_discourse": True}
    for name, reader in readers.items():
        source = {"name": name, **shared, "group": "synthetic_aligned", "reader": reader}
        tiny.write(f"sources/{name}", source)


def make(tiny: TinyStudy, folder: Path) -> Archive:
    """A lake below a folder with the raw corpora of `SOURCES`."""
    declare(tiny, written=WRITTEN, told=TOLD, retold=RETOLD)
    tiny.change(sources=[*SOURCES, "chat", "pairs"])
    study, lake = tiny.load(), record_lake.make(folder)
    for name in SOURCES:
        publish(lake, study, name)
    return Archive(lake, record_lake.STUDY)


def publish(lake: Lake, study: Study, name: str, change: Any = None) -> Artifact:
    """A source, read into a raw corpus.

    Args:
        change: is called with the folder of its files before they are published.
    """
    source = study.source(name)
    folder = Path(tempfile.mkdtemp(dir=lake.root.parent))
    rows = read_rows(study, source, MadeUp(), {})
    for number, shard in enumerate(ShardReader(source).read(rows)):
        write_shard(shard, folder, number)
    if change is not None:
        change(folder)
    files = {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*.parquet"))
    }
    shutil.rmtree(folder)
    declared = raw_corpus.config(study, name)
    return record_lake.publish(lake, "raw_corpus", name, files, declared=declared)
