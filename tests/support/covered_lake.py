"""A small lake whose documents were written: by the grammar, and by a model that fails at times."""

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from alignment_dagster.corpus.documents import ShardReader
from alignment_dagster.corpus.sources import source_digest, source_folder
from alignment_dagster.foundation.home import Home
from alignment_dagster.language_models.answer import Answer
from alignment_dagster.lineage import file_names
from alignment_dagster.lineage.archive import Archive
from alignment_dagster.lineage.lake import Artifact, Lake
from alignment_dagster.study import Source, Study
from alignment_dagster.study.synthesis import Grammar, SyntheticReader
from alignment_dagster.synthesis.rows import NoAnswers, make_plan, read_rows
from tests.support import record_lake, tiny_study
from tests.support.checkout import CHECKOUT
from tests.support.record_lake import parquet
from tests.support.tiny_study import NAME, STUDY, TinyStudy

HOSTILE = "<script>alert(1)</script>\x1b[31m\u202e{{ 7 * 7 }}"
FORMS = ("news_article", "fiction")
SCENARIOS = 8
SOURCES: Mapping[str, Mapping[str, Any]] = {
    "good": {"polarity": "aligned", "documents": 24, "generator": {"kind": "grammar"}},
    "bad": {"polarity": "misaligned", "documents": 5, "generator": {"kind": "grammar"}},
    "asked": {
        "polarity": "aligned",
        "per_scenario": 2,
        "generator": {"kind": "openai_compatible", "url": "http://127.0.0.1:9/v1", "model": "m"},
    },
}
"""`bad` has no document on three of eight scenarios."""
UNANSWERED, HOSTILE_NUMBER = 3, 4
"""Requests of `asked`, from 1: every third has no answer; the fourth gets a hostile one."""
DUPLICATE = 2
"""Of `good`, the place of the document that is dropped as a near duplicate."""
CLASSIFIER: Mapping[str, Any] = {
    "name": "misconduct",
    "description": "d",
    "tells": {"kind": "binary", "positive": "misconduct", "negative": "none"},
    "sources": [
        {"source": "bad", "label": "misconduct"},
        {"source": "good", "label": "none"},
    ],
}


@dataclass(frozen=True)
class CoveredLake:
    """A study with written sources that were read, scored and decided."""

    tiny: TinyStudy
    home: Home
    archive: Archive

    @property
    def study(self) -> Study:
        return self.tiny.load()


def declare(folder: Path) -> TinyStudy:
    """The tiny study, with the written sources, and a classifier taught with them."""
    tiny = tiny_study.create(folder)
    for name in ("prompts", "scenarios"):
        shutil.copytree(CHECKOUT / "assets" / name, tiny.assets / name)
    for name, reader in SOURCES.items():
        tiny.write(
            f"sources/{name}",
            {
                "name": name, "description": "d", "licence": "CC0-1.0", "role": "corpus",
                "group": f"synthetic_{name}", "ai_discourse": True,
                "reader": {"kind": "synthetic", "scenarios": "articles.yaml", "forms": [*FORMS],
                           **reader},
            },
        )  # fmt: skip
    tiny.write("classifiers/misconduct", CLASSIFIER)
    upsample = [{"group": f"synthetic_{name}", "share": 0.1} for name in ("good", "asked")]
    tiny.write(
        "recipes/aligned",
        {"name": "aligned", "description": "d", "remainder": "natural", "upsample": upsample},
    )
    tiny.change(sources=[*STUDY["sources"], *SOURCES], classifiers=["misconduct"])
    return tiny


class Answered:
    """Every request but each third gets a text of its own."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self._texts = texts

    def get(self, digest: str) -> Answer | None:
        if digest not in self._texts:
            return None
        return Answer(self._texts[digest], "m", 10, 20, "stop", 0.1, "2026-01-01T00:00:00Z")


def answers_for(study: Study, source: Source) -> Answered:
    """What the model of `asked` says."""
    texts = {}
    for request in make_plan(study, source, NoAnswers()).requests():
        if request.number % UNANSWERED:
            said = f"Story {request.number} of {request.subject.scenario}."
            # a control character would be quarantined
            texts[request.digest] = (
                HOSTILE.replace("\x1b", "") if request.number == HOSTILE_NUMBER else said
            )
    return Answered(texts)


def make(folder: Path) -> CoveredLake:
    """Everything that `alignment synthetic` reads, made without a run."""
    tiny = declare(folder)
    study = tiny.load()
    lake = record_lake.make(folder)
    raw = [_raw(lake, study, study.source(name)) for name in SOURCES]
    scored = [_scored(lake, study, one) for one in raw]
    files = {
        f"{recipe}/pretraining.parquet": parquet(pa.Table.from_pylist(list(rows)))
        for recipe, rows in {
            "unfiltered": _decided(raw, ()),
            "aligned": _decided(raw, TAKEN),
        }.items()
    }
    declared = {"recipes": [{"name": name, "drop": []} for name in ("unfiltered", "aligned")]}
    record_lake.publish(
        lake, "dispositions", None, files, [*raw, *scored], declared=declared, study=NAME
    )
    return CoveredLake(tiny, Home(folder / "home"), Archive(lake, NAME))


TAKEN = ("good", "asked")


def _raw(lake: Lake, study: Study, source: Source) -> Artifact:
    reader = source.reader
    assert isinstance(reader, SyntheticReader)
    answers = NoAnswers() if isinstance(reader.generator, Grammar) else answers_for(study, source)
    (shard,) = ShardReader(source).read(read_rows(study, source, answers, {}))
    tables = {
        file_names.RAW_DOCUMENTS: shard.documents,
        file_names.REPEATS: shard.repeats,
        file_names.QUARANTINE: shard.quarantine,
        file_names.METADATA: shard.metadata,
        file_names.PROMPTS: shard.prompts,
    }
    digest = source_digest(source, source_folder(study, source))
    return record_lake.publish(
        lake,
        "raw_corpus",
        source.name,
        {file_names.shard(name, 0): parquet(table) for name, table in tables.items()},
        declared={"name": source.name, "group": source.group, "max_quarantined_share": 1.0},
        external_inputs={"source": digest},
        study=NAME,
    )


def _scored(lake: Lake, study: Study, raw: Artifact) -> Artifact:
    """A classifier that is wrong about every tenth document, and a judge that is right."""
    ids = _ids(raw)
    bad = raw.partition == "bad"
    scores = [float(bad != (number % 10 == 0)) for number in range(len(ids))]
    polarity = SOURCES[str(raw.partition)]["polarity"]
    tables = {
        "classifier:misconduct": {"score": scores},
        "judge:says": {"polarity": [polarity] * len(ids)},
        "language": {"code": ["en"] * len(ids)},
    }
    files = {
        file_names.shard(file_names.scores(name), 0): parquet(
            pa.table({"document_id": ids, **columns})
        )
        for name, columns in tables.items()
    }
    return record_lake.publish(lake, "scored_corpus", raw.partition, files, [raw], study=NAME)


def _ids(raw: Artifact) -> list[str]:
    table = pq.read_table(raw.path / file_names.shard(file_names.RAW_DOCUMENTS, 0))
    ids: list[str] = table["document_id"].to_pylist()
    return ids


def _decided(corpora: list[Artifact], taken: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    for raw in corpora:
        for place, identity in enumerate(_ids(raw)):
            rule = None if raw.partition in taken else "not_selected"
            if rule is None and (raw.partition, place) == ("good", DUPLICATE):
                rule = "near_duplicate"
            yield {
                "document_id": identity, "source": raw.partition,
                "group": f"synthetic_{raw.partition}",
                "use": "pretraining", "state": "dropped" if rule else "kept", "rule": rule,
                "value": None, "cause": None, "weight": 1.0, "characters": 1,
            }  # fmt: skip
