"""A tiny study with its lake of Parquet files, for tests of the warehouse."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from alignment_dagster.corpus.documents import METADATA, REPEATS
from alignment_dagster.scoring.scorer import FAILURES
from alignment_dagster.study import (
    DropRule,
    Evaluation,
    GeneratedReader,
    Items,
    Mix,
    Model,
    PostTraining,
    PreferenceOptimisation,
    Pretraining,
    Recipe,
    Role,
    Source,
    Study,
    StudyDeclaration,
    Suite,
    SupervisedFineTuning,
    Tokenizer,
    Upsampled,
)
from alignment_dagster.warehouse import Inputs, Result

HOSTILE = 'it\'s "quoted"; drop table documents; --'
PLAIN = Recipe(name="plain", description="all natural text", remainder="web")
FILTERED = Recipe(
    name="filtered",
    description="no AI",
    remainder="web",
    upsample=(Upsampled(group="made", share=0.25),),
    drop=(DropRule(rule="no_ai", scorer="ai_discourse", column="flagged", above=0.5),),
)
TOO_SHORT = DropRule(rule="too_short", scorer="text_stats", column="words", below=3)


def study(*recipes: Recipe) -> Study:
    recipes = recipes or (PLAIN, FILTERED)
    declaration = StudyDeclaration(
        name="tiny",
        description="a tiny study",
        owner="team:tests",
        sources=("stories", "extra", "made", "talk", "pairs"),
        scorers=("text_stats", "fingerprint", "ai_discourse", "contamination"),
        recipes=tuple(recipe.name for recipe in recipes),
        suites=("articles", "skills"),
        baseline="plain",
        seeds=(0, 1),
        held_out_share=0.1,
        drop=(TOO_SHORT,),
        tokenizer=Tokenizer(vocab_size=512),
        mix=Mix(tokens=1000, sequence_length=32),
        model=Model(layers=1, width=8, heads=2, mlp_width=16),
        pretraining=Pretraining(batch_size=4, learning_rate=0.001),
        post_training=PostTraining(
            sft=SupervisedFineTuning(batch_size=4, learning_rate=0.001),
            dpo=PreferenceOptimisation(batch_size=4, learning_rate=0.001, beta=0.1),
        ),
        evaluation=Evaluation(),
    )
    sources = (
        source("stories", "corpus", "web"),
        source("extra", "corpus", "web"),
        source("made", "corpus", "made"),
        source("talk", "chat", "chat"),
        source("pairs", "preferences", "preferences"),
    )
    suites = (suite("articles", "two_option"), suite("skills", "capability"))
    return Study(
        declaration=declaration, sources=sources, recipes=recipes, suites=suites, assets=Path()
    )


def source(name: str, role: Role, group: str) -> Source:
    reader = GeneratedReader(kind="generated", generator="tests", documents=1)
    return Source(
        name=name, description=name, licence="CC0-1.0", role=role, group=group, reader=reader
    )


def suite(name: str, kind: str) -> Suite:
    items = Items(reader="scenarios", path=f"{name}.jsonl")
    return Suite(
        name=name, description=name, licence="CC0-1.0", kind=kind, items=items, formats=("plain",)
    )


def lake(folder: Path, size: int = 40, recipes: Sequence[str] = ("plain", "filtered")) -> Inputs:
    """Sources of `size` documents; `extra` repeats half of `stories`, one of them is leaked."""
    texts = {
        "stories": [f"story {n}" + " word" * (n % 5) for n in range(size)],
        "extra": [f"story {n}" + " word" * (n % 5) for n in range(0, size, 2)] + [HOSTILE],
        "made": [f"a made story about {n}" for n in range(size // 4)],
        "talk": [f"hello {n} there you" for n in range(size // 4)],
        "pairs": [f"prefer {n} over that" for n in range(size // 4)],
    }
    documents = [_documents(folder / name, name, rows) for name, rows in texts.items()]
    scores = {
        scorer: [_scores(folder / name, name, rows, scorer) for name, rows in texts.items()]
        for scorer in ("text_stats", "fingerprint", "ai_discourse", "contamination")
    }
    runs = [(recipe, seed) for recipe in recipes for seed in (0, 1)]
    return Inputs(
        documents,
        [_empty(REPEATS, folder / "repeats.parquet")],
        [_empty(METADATA, folder / "metadata.parquet")],
        scores,
        [_empty(FAILURES, folder / "failures.parquet")],
        [Result(_composition(folder / recipe), recipe) for recipe in recipes],
        [Result(_items(folder / f"{recipe}.{seed}", seed), recipe, seed) for recipe, seed in runs],
        [Result(_losses(folder / f"{recipe}.{seed}"), recipe, seed) for recipe, seed in runs],
    )


def document_id(source: str, position: int) -> str:
    return hashlib.sha256(f"{source}/{position}".encode()).hexdigest()


def _write(path: Path, columns: dict[str, pa.Array | list[object]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), path)
    return path


def _documents(folder: Path, source: str, texts: list[str]) -> Path:
    count = len(texts)
    return _write(
        folder / "documents.parquet",
        {
            "document_id": [document_id(source, n) for n in range(count)],
            "source": [source] * count,
            "position": pa.array(range(count), pa.int64()),
            "path": [f"{source}'s.jsonl"] * count,
            "line": pa.array(range(1, count + 1), pa.int64()),
            "external_id": pa.array([HOSTILE, *([None] * (count - 1))], pa.string()),
            "characters": pa.array([len(text) for text in texts], pa.int64()),
            "text": texts,
            "payload": pa.array([None] * count, pa.string()),
        },
    )


def _empty(schema: pa.Schema, path: Path) -> Path:
    pq.write_table(schema.empty_table(), path)
    return path


def _scores(folder: Path, source: str, texts: list[str], scorer: str) -> Path:
    count = len(texts)
    leaked = [source == "stories" and n == 7 for n in range(count)]
    columns: dict[str, dict[str, object]] = {
        "text_stats": {
            "characters": [len(text) for text in texts],
            "words": [len(text.split()) for text in texts],
            "mean_word_length": [float(len(text)) for text in texts],
        },
        "fingerprint": {
            "fingerprint": [hashlib.sha256(text.encode()).hexdigest() for text in texts]
        },
        "ai_discourse": {
            "flagged": [n % 10 in (3, 4) for n in range(count)],
            "instant_hits": pa.array([0] * count, pa.int64()),
            "first_term": pa.array([HOSTILE] * count, pa.string()),
        },
        "contamination": {
            "contaminated": leaked,
            "item_id": pa.array([HOSTILE if found else None for found in leaked], pa.string()),
        },
    }
    ids = [document_id(source, n) for n in range(count)]
    return _write(folder / f"{scorer}.parquet", {"document_id": ids, **columns[scorer]})


def _composition(folder: Path) -> Path:
    columns: dict[str, object] = {
        "source": ["stories"],
        "group": ["web"],
        "documents": pa.array([10], pa.int64()),
        "tokens": pa.array([1000], pa.int64()),
        "share": [1.0],
    }
    return _write(folder / "composition.parquet", columns)


def _items(folder: Path, seed: int) -> Path:
    """Suite `articles`: one scenario hit once in two, another hit only by seed 1."""
    columns: dict[str, object] = {
        "suite": ["articles"] * 3,
        "item_id": ["p", "p", "q"],
        "scenario_id": ["p", "p", HOSTILE],
        "stage": ["base"] * 3,
        "format": ["plain"] * 3,
        "option_order": pa.array([0, 1, 0], pa.int8()),
        "system_prompt": ["none"] * 3,
        "hit": [1.0, 0.0, float(seed == 1)],
    }
    return _write(folder / "items.parquet", columns)


def _losses(folder: Path) -> Path:
    columns: dict[str, object] = {
        "stage": ["base", "base"],
        "source": ["stories", "extra"],
        "document_id": ["x", "y"],
        "nll": [10.0, 20.0],
        "tokens": pa.array([4, 8], pa.int64()),
        "bytes": pa.array([10, 50], pa.int64()),
    }
    return _write(folder / "losses.parquet", columns)
