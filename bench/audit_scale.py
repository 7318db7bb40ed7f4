"""How long the audit takes on large ledgers: a made-up study in a real lake, and the commands.

`python bench/audit_scale.py --folder /tmp/audit_scale [--documents 1000000] [--steps 10000]
[--answers 1000000]`

Every artifact is a real folder with manifest, provenance, signed statement and journal line; only
the texts, weights and answers are made up. What the generator knows to be true is in `truth.json`.
The lake is made once for a folder and sizes, then each command runs in a fresh process.
"""

import argparse
import hashlib
import json
import os
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from alignment_dagster.corpus.documents import (
    DOCUMENTS,
    METADATA,
    PROMPTS,
    QUARANTINE,
    REPEATS,
    Shard,
    write_shard,
)
from alignment_dagster.evaluation.answers import ITEMS
from alignment_dagster.evaluation.model.losses import LOSSES
from alignment_dagster.foundation.digests import sha256_json, sha256_text
from alignment_dagster.foundation.home import Home
from alignment_dagster.lineage.journal import NewEntry
from alignment_dagster.lineage.lake import Artifact, Lake
from alignment_dagster.lineage.manifest import Manifest
from alignment_dagster.lineage.provenance import LAST_DOCUMENT, Inputs, Parent, Provenance
from alignment_dagster.mixing.mix import composition
from alignment_dagster.mixing.packing import SPANS
from alignment_dagster.report.questions import SCHEMA as QUESTIONS
from alignment_dagster.report.results import ResultRow, results_json, results_table
from alignment_dagster.training.consumption import DOCUMENTS_SCHEMA, SEQUENCES_SCHEMA, START, link
from alignment_dagster.training.step_log import POST_TRAINING_SCHEMA, PRETRAINING_SCHEMA

STUDY = "scale"
SOURCES = ("books", "news", "web", "wiki")
RECIPES = ("unfiltered", "filtered")
STAGES = ("base", "sft", "dpo")
FORMATS = ("continuation", "question_answer")
LENGTH = 64
"""Tokens of a sequence: small, so that the time goes into rows and not into writing tokens."""
BATCH = 16
"""Conversations in a step of fine-tuning."""
HELD_OUT = 200
METRIC = "misalignment_rate/articles/dpo/filtered/none"
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Sizes:
    """How large the ledgers are; the defaults are what the goals speak of."""

    documents: int = 1_000_000
    steps: int = 10_000
    """Of each pretraining, at least."""
    answers: int = 1_000_000
    """Of each evaluation."""
    seeds: tuple[int, ...] = (0, 1)


class Maker:
    """Publishes artifacts as a run would, with their records."""

    def __init__(self, home: Home) -> None:
        self.lake = Lake(home.lake)
        self.lake.prepare()
        self.made: dict[tuple[str, str | None], Artifact] = {}

    def publish(
        self,
        asset: str,
        partition: str | None,
        parents: Sequence[Parent],
        write: Callable[[Path], None],
        declared: Mapping[str, Any] | None = None,
    ) -> Artifact:
        """Make one artifact of what `write` puts into its folder."""
        content = dict(declared or {})
        inputs = Inputs(
            study=STUDY,
            asset=asset,
            partition=partition,
            declaration=sha256_json(content),
            code_version="1",
            parents=tuple(parents),
        )
        began = time.monotonic()
        with self.lake.staging() as folder:
            write(folder)
            provenance = Provenance(
                inputs=inputs,
                input_digest=inputs.digest,
                output_digest=Manifest.of(folder).digest,
                code_digest="0" * 64,
                declared=content,
                environment={},
                git={"commit": "0" * 40, "dirty": "false"},
                dagster_run_id="made-up",
                mlflow_run_id=None,
                started="2026-01-01T00:00:00+00:00",
                seconds=round(time.monotonic() - began, 3),
                measured={LAST_DOCUMENT: "f" * 64} if asset == "tokenizer" else {},
                models={},
                checks=(),
            )
            artifact = self.lake.publish(folder, provenance)
        self._note(artifact)
        self.made[asset, partition] = artifact
        return artifact

    def _note(self, artifact: Artifact) -> None:
        became = NewEntry(
            asset=artifact.asset,
            partition=artifact.partition,
            version=artifact.version,
            digest=artifact.digest,
            record=artifact.record,
            dagster_run_id="made-up",
            reused=False,
        )
        self.lake.journal(STUDY).append(became)

    def parent(self, asset: str, partition: str | None = None, part: str | None = None) -> Parent:
        """An artifact that was made, as an input."""
        return self.made[asset, partition].as_parent(part)


class Corpus:
    """The documents as arrays; which document is what follows from its number."""

    def __init__(self, sizes: Sizes) -> None:
        self.count = sizes.documents
        self.number = np.arange(self.count)
        self.source = self.number * len(SOURCES) // self.count
        self.line = self.number - self.number[np.searchsorted(self.source, self.source)] + 1
        self.tokens = np.random.default_rng(0).integers(16, 65, self.count)
        self.duplicate = self.number % 100 == 99
        self.first = np.where(self.duplicate, self.number - 99, self.number)
        self.held_out = self.number % 50 == 7
        self.leaked = self.number % 1000 == 13
        self.short = self.number % 20 == 5
        self.flagged = self.number % 10 == 3
        self.repeated = self.number % 500 == 20

    @cached_property
    def ids(self) -> list[str]:
        names = [SOURCES[one] for one in self.source.tolist()]
        return [sha256_text(name, f"document {n}") for n, name in enumerate(names)]

    @cached_property
    def order(self) -> Ints:
        """The documents in the order of their ids."""
        return np.argsort(np.array(self.ids), kind="stable")

    def rule(self, recipe: str) -> list[str | None]:
        """Why a recipe drops a document; None where it keeps it. The first that holds counts."""
        flagged = self.flagged if recipe == "filtered" else np.zeros(self.count, bool)
        held = [self.leaked, self.duplicate, self.held_out, self.short, flagged]
        names = ["evaluation_item", "exact_duplicate", "held_out", "too_short", "ai_discourse"]
        found: NDArray[Any] = np.select(held, names, "")
        return [name or None for name in found.tolist()]

    def of(self, source: int) -> Ints:
        """The documents of a source, in the order of its lines."""
        return np.flatnonzero(self.source == source)

    def place(self, number: int) -> str:
        return f"{SOURCES[self.source[number]]}.jsonl:{self.line[number]}"

    def repeats(self, number: int) -> list[str]:
        """Where else the same row stands."""
        name = SOURCES[self.source[number]]
        return [f"{name}.jsonl:{self.count + self.line[number]}"] if self.repeated[number] else []


@dataclass(frozen=True)
class MadeMix:
    """A mix as arrays."""

    used: Ints
    """Numbers of the documents that were packed, in the order of ids."""
    copies: Ints
    packed: Ints
    """Tokens of each used document, over all its copies, as packed."""
    spans: pa.Table
    sequences: NDArray[np.uint16]


def make_mix(corpus: Corpus, recipe: str, seed: int) -> MadeMix:
    """Kept documents, a tenth of them twice, shuffled and cut into sequences."""
    rules = np.array([rule is None for rule in corpus.rule(recipe)])
    kept = corpus.order[rules[corpus.order]]
    times = np.where(kept % 10 == 0, 2, 1)
    rows = np.repeat(np.arange(kept.size), times)
    copy = np.concatenate([np.arange(one) for one in times.tolist()])
    shuffled = np.random.default_rng(seed).permutation(rows.size)
    rows, copy = rows[shuffled], copy[shuffled]
    ends = np.cumsum(corpus.tokens[kept[rows]])
    total = int(ends[-1]) // LENGTH * LENGTH
    starts = np.concatenate([[0], ends[:-1]])
    cuts = np.union1d(starts[starts < total], np.arange(0, total, LENGTH))
    stops = np.append(cuts[1:], total)
    item = np.searchsorted(starts, cuts, side="right") - 1
    used, at = np.unique(rows[item], return_inverse=True)
    columns = [cuts // LENGTH, cuts % LENGTH, cuts % LENGTH + stops - cuts, at,
               cuts - starts[item], copy[item]]  # fmt: skip
    spans = pa.table([pa.array(one.astype(np.int32)) for one in columns], schema=SPANS)
    packed = np.bincount(at, weights=stops - cuts).astype(np.int64)
    highest = np.zeros(used.size, np.int64)
    np.maximum.at(highest, at, copy[item])
    tokens = np.random.default_rng(seed + 1).integers(0, 4096, total, dtype=np.uint16)
    return MadeMix(kept[used], highest + 1, packed, spans, tokens.reshape(-1, LENGTH))


def batches(mix: MadeMix, steps: int, seed: int) -> list[list[int]]:
    """The sequences of each step: all of them once, in an order that the seed decides."""
    count = len(mix.sequences)
    order = np.random.default_rng(seed).permutation(count)
    size = max(1, count // steps)
    return [order[at : at + size].tolist() for at in range(0, count, size)]


def generate(home: Home, sizes: Sizes) -> dict[str, Any]:
    """Make the whole lake; returns what is true of it, and writes the same to `truth.json`."""
    maker, corpus = Maker(home), Corpus(sizes)
    _raw(maker, corpus)
    _chats(maker, sizes)
    _warehouse(maker, corpus)
    truth: dict[str, Any] = {"sizes": asdict(sizes), "metric": METRIC, "mixes": {}, "read": {}}
    mixes = {}
    for number, recipe in enumerate(RECIPES):
        mixes[recipe] = make_mix(corpus, recipe, number)
        _publish_mix(maker, corpus, recipe, mixes[recipe])
        truth["mixes"][recipe] = _mix_truth(corpus, mixes[recipe])
    documents = _chosen(corpus, mixes["filtered"])
    rows = []
    for recipe in RECIPES:
        for seed in sizes.seeds:
            read = batches(mixes[recipe], sizes.steps, seed)
            _train(maker, recipe, seed, mixes[recipe], read)
            truth["read"][f"{recipe}|{seed}"] = _read_truth(corpus, mixes[recipe], read, documents)
            rows.append(_evaluate(maker, corpus, sizes, recipe, seed))
    truth["metrics"] = _report(maker, sizes, rows)
    truth["documents"] = {corpus.ids[one]: _document_truth(corpus, one) for one in documents}
    truth["tokenizer"] = int(_in_tokenizer(corpus).sum())
    home.root.joinpath("truth.json").write_text(json.dumps(truth, indent=1), encoding="utf-8")
    return truth


def _raw(maker: Maker, corpus: Corpus) -> None:
    for index, source in enumerate(SOURCES):
        numbers = corpus.of(index).tolist()
        columns = {
            "document_id": [corpus.ids[one] for one in numbers],
            "source": [source] * len(numbers),
            "position": list(range(len(numbers))),
            "path": [f"{source}.jsonl"] * len(numbers),
            "line": corpus.line[numbers],
            "external_id": [None] * len(numbers),
            "characters": corpus.tokens[numbers] * 4,
            "text": [f"document {one}: {corpus.ids[one][:40]}" for one in numbers],
            "payload": [None] * len(numbers),
        }
        again = [
            (corpus.ids[one], *place.rsplit(":", 1))
            for one in numbers
            for place in corpus.repeats(one)
        ]
        repeats = {
            "document_id": [one for one, _, _ in again],
            "path": [path for _, path, _ in again],
            "line": [int(line) for _, _, line in again],
        }
        _publish_raw(maker, source, "corpus", columns, pa.table(repeats, schema=REPEATS))
        _score(maker, corpus, source, numbers)


def _publish_raw(
    maker: Maker, source: str, role: str, columns: Mapping[str, Any], repeats: pa.Table
) -> None:
    documents = pa.table(dict(columns), schema=DOCUMENTS)
    nothing = (one.empty_table() for one in (QUARANTINE, METADATA, PROMPTS))
    rows = documents.num_rows
    shard = Shard(documents, repeats, *nothing, f"{source}.jsonl", rows, rows)
    declared = {
        "name": source, "role": role, "sha256": None,
        "reader": {"kind": "jsonl", "path": f"{source}.jsonl"},
    }  # fmt: skip
    maker.publish("raw_corpus", source, (), lambda to: write_shard(shard, to, 0), declared)


def _score(maker: Maker, corpus: Corpus, source: str, numbers: list[int]) -> None:
    ids = pa.array([corpus.ids[one] for one in numbers])
    marks = pa.array([corpus.ids[one][::-1] for one in corpus.first[numbers].tolist()])
    words = pa.array(corpus.tokens[numbers] // 2)
    scores = {
        "text_stats": {"characters": pa.array(corpus.tokens[numbers] * 4), "words": words},
        "fingerprint": {"fingerprint": marks},
        "ai_discourse": {"flagged": pa.array(corpus.flagged[numbers])},
        "contamination": {"contaminated": pa.array(corpus.leaked[numbers])},
    }

    def write(folder: Path) -> None:
        for scorer, columns in scores.items():
            table = pa.table({"document_id": ids, **columns})
            (folder / scorer).mkdir()
            pq.write_table(table, folder / scorer / "00000.parquet", compression="zstd")

    maker.publish("scored_corpus", source, [maker.parent("raw_corpus", source)], write)


def _chat_ids(source: str, count: int) -> list[str]:
    return [sha256_text(source, f"conversation {number}") for number in range(count)]


def _chats(maker: Maker, sizes: Sizes) -> None:
    for source, role in (("chat", "chat"), ("pairs", "preferences")):
        ids = _chat_ids(source, chat_count(sizes))
        columns = {
            "document_id": ids,
            "source": [source] * len(ids),
            "position": list(range(len(ids))),
            "path": [f"{source}.jsonl"] * len(ids),
            "line": list(range(1, len(ids) + 1)),
            "external_id": [None] * len(ids),
            "characters": [10] * len(ids),
            "text": ["a question"] * len(ids),
            "payload": ["{}"] * len(ids),
        }
        _publish_raw(maker, source, role, columns, REPEATS.empty_table())


def chat_count(sizes: Sizes) -> int:
    """Conversations, and as many preference pairs."""
    return max(BATCH, sizes.documents // 100)


def _in_tokenizer(corpus: Corpus) -> NDArray[np.bool_]:
    return ~(corpus.held_out | corpus.leaked | corpus.duplicate)


def _warehouse(maker: Maker, corpus: Corpus) -> None:
    """Documents, what each recipe decides of them, and the vocabulary."""
    corpora = [maker.parent("raw_corpus", source) for source in (*SOURCES, "chat", "pairs")]
    documents = pa.concat_tables([_corpus_rows(corpus), *_chat_rows(maker)])
    held_out = documents.filter(documents["held_out"]).select(["document_id", "source"])

    def write(folder: Path) -> None:
        _export(documents, folder / "documents.parquet")
        _export(held_out, folder / "held_out.parquet")

    maker.publish("documents", None, corpora, write)
    maker.publish("dispositions", None, corpora, lambda to: _dispositions(maker, corpus, to))
    read = [maker.parent("raw_corpus", source) for source in SOURCES]
    maker.publish(
        "tokenizer", None, [*read, maker.parent("documents", part="documents.parquet")],
        lambda to: to.joinpath("tokenizer.json").write_text("{}") and None,
    )  # fmt: skip


def _export(table: pa.Table, path: Path) -> None:
    """As dbt exports its models."""
    with duckdb.connect(":memory:") as connection:
        connection.register("rows", table)
        text = str(path).replace("'", "''")
        connection.execute(f"copy rows to '{text}' (format parquet, compression zstd)")


def _corpus_rows(corpus: Corpus) -> pa.Table:
    ids = corpus.ids
    count = corpus.count
    names = np.array(SOURCES)[corpus.source]
    return pa.table({
        "document_id": ids,
        "source": pa.array(names.tolist()),
        "group": ["natural"] * count,
        "role": ["corpus"] * count,
        "position": corpus.line - 1,
        "path": [f"{name}.jsonl" for name in names.tolist()],
        "line": corpus.line,
        "external_id": pa.nulls(count, pa.string()),
        "occurrences": np.where(corpus.repeated, 2, 1),
        "characters": corpus.tokens * 4,
        "fingerprint": [ids[one][::-1] for one in corpus.first.tolist()],
        "duplicate_of": [
            ids[first] if first != one else None for one, first in enumerate(corpus.first.tolist())
        ],
        "item_id": ["an item" if one else None for one in corpus.leaked.tolist()],
        "held_out": corpus.held_out,
        "ai_discourse_label": pa.nulls(count, pa.bool_()),
        "ai_discourse_flagged": corpus.flagged,
        "ai_discourse_tier": ["instant" if one else None for one in corpus.flagged.tolist()],
    })  # fmt: skip


def _chat_rows(maker: Maker) -> list[pa.Table]:
    tables = []
    for source, role in (("chat", "chat"), ("pairs", "preferences")):
        raw = pq.read_table(maker.made["raw_corpus", source].path / "documents" / "00000.parquet")
        count = raw.num_rows
        tables.append(pa.table({
            "document_id": raw["document_id"],
            "source": raw["source"],
            "group": [source] * count,
            "role": [role] * count,
            "position": raw["position"],
            "path": raw["path"],
            "line": raw["line"],
            "external_id": pa.nulls(count, pa.string()),
            "occurrences": [1] * count,
            "characters": raw["characters"],
            "fingerprint": raw["document_id"],
            "duplicate_of": pa.nulls(count, pa.string()),
            "item_id": pa.nulls(count, pa.string()),
            "held_out": np.zeros(count, bool),
            "ai_discourse_label": pa.nulls(count, pa.bool_()),
            "ai_discourse_flagged": np.zeros(count, bool),
            "ai_discourse_tier": pa.nulls(count, pa.string()),
        }))  # fmt: skip
    return tables


def _dispositions(maker: Maker, corpus: Corpus, folder: Path) -> None:
    for recipe in RECIPES:
        to = folder / recipe
        to.mkdir()
        rules = corpus.rule(recipe)
        cause = [
            corpus.ids[first] if rule == "exact_duplicate" else "an item" if rule else None
            for rule, first in zip(rules, corpus.first.tolist(), strict=True)
        ]
        count = corpus.count
        table = pa.table({
            "document_id": corpus.ids,
            "source": np.array(SOURCES)[corpus.source].tolist(),
            "group": ["natural"] * count,
            "recipe": [recipe] * count,
            "use": ["pretraining"] * count,
            "state": ["dropped" if rule else "kept" for rule in rules],
            "rule": pa.array(rules, pa.string()),
            "value": pa.nulls(count, pa.float64()),
            "cause": pa.array(
                [one if rule in ("exact_duplicate", "evaluation_item") else None
                 for one, rule in zip(cause, rules, strict=True)], pa.string()),
            "weight": [0.0 if rule else 1.0 for rule in rules],
            "characters": corpus.tokens * 4,
        })  # fmt: skip
        _export(table, to / "pretraining.parquet")
        _export(_kept_chats(maker, recipe), to / "post_training.parquet")


def _kept_chats(maker: Maker, recipe: str) -> pa.Table:
    tables = []
    for source, use in (("chat", "sft"), ("pairs", "dpo")):
        raw = pq.read_table(maker.made["raw_corpus", source].path / "documents" / "00000.parquet")
        count = raw.num_rows
        tables.append(pa.table({
            "document_id": raw["document_id"],
            "source": raw["source"],
            "group": [source] * count,
            "recipe": [recipe] * count,
            "use": [use] * count,
            "state": ["kept"] * count,
            "rule": pa.nulls(count, pa.string()),
            "value": pa.nulls(count, pa.float64()),
            "cause": pa.nulls(count, pa.string()),
            "weight": [1.0] * count,
            "characters": raw["characters"],
        }))  # fmt: skip
    return pa.concat_tables(tables)


def _publish_mix(maker: Maker, corpus: Corpus, recipe: str, mix: MadeMix) -> None:
    documents = pa.table({
        "document_id": [corpus.ids[one] for one in mix.used.tolist()],
        "source": np.array(SOURCES)[corpus.source[mix.used]].tolist(),
        "group": ["natural"] * mix.used.size,
        "tokens": corpus.tokens[mix.used],
        "copies": mix.copies,
        "packed_tokens": mix.packed,
    })  # fmt: skip

    def write(folder: Path) -> None:
        np.save(folder / "sequences.npy", mix.sequences, allow_pickle=False)
        pq.write_table(mix.spans, folder / "spans.parquet")
        pq.write_table(documents, folder / "documents.parquet")
        pq.write_table(composition(documents), folder / "composition.parquet")

    parents = [maker.parent("raw_corpus", source) for source in SOURCES]
    part = f"{recipe}/pretraining.parquet"
    decided = [maker.parent("dispositions", part=part), maker.parent("tokenizer")]
    maker.publish("curated_mix", recipe, [*parents, *decided], write)


def _train(maker: Maker, recipe: str, seed: int, mix: MadeMix, read: list[list[int]]) -> None:
    """Pretraining on the mix, then SFT and DPO, as their ledgers tell of them."""
    at = f"{recipe}|{seed}"

    def pretrain(folder: Path) -> None:
        _weights(folder / "model", at)
        chain, tokens, chains, counts = START, 0, [], []
        for sequences in read:
            batch = mix.sequences[sequences]
            chain, tokens = link(chain, batch), tokens + batch.size
            chains.append(chain.hex())
            counts.append(tokens)
        steps = list(range(1, len(read) + 1))
        table = pa.table([steps, read, counts, chains], schema=SEQUENCES_SCHEMA)
        pq.write_table(table, folder / "consumption.parquet")
        _log(folder, PRETRAINING_SCHEMA, [None], len(read))

    parents = [maker.parent("curated_mix", recipe), maker.parent("tokenizer")]
    maker.publish("pretrained_checkpoint", at, parents, pretrain)

    def post_train(folder: Path) -> None:
        for stage, source in (("sft", "chat"), ("dpo", "pairs")):
            _weights(folder / stage, at)
            raw = pq.read_table(
                maker.made["raw_corpus", source].path / "documents" / "00000.parquet"
            )
            ids = raw["document_id"].to_pylist()
            order = np.random.default_rng(seed).permutation(len(ids)).tolist()
            found = [[ids[one] for one in order[at : at + BATCH]]
                     for at in range(0, len(ids), BATCH)]  # fmt: skip
            tokens = np.cumsum([len(one) * 10 for one in found])
            chains = [hashlib.sha256(str(one).encode()).hexdigest() for one in range(len(found))]
            columns = [list(range(1, len(found) + 1)), found, tokens, chains]
            pq.write_table(
                pa.table(columns, schema=DOCUMENTS_SCHEMA), folder / f"{stage}_consumption.parquet"
            )
        _log(folder, POST_TRAINING_SCHEMA, ["sft", "dpo"], len(found))

    part = f"{recipe}/post_training.parquet"
    parents = [
        maker.parent("pretrained_checkpoint", at), maker.parent("raw_corpus", "chat"),
        maker.parent("raw_corpus", "pairs"), maker.parent("dispositions", part=part),
    ]  # fmt: skip
    maker.publish("post_trained_checkpoint", at, parents, post_train)


def _weights(folder: Path, content: str) -> None:
    folder.mkdir()
    (folder / "model.safetensors").write_text(content)


def _log(folder: Path, schema: pa.Schema, stages: Sequence[str | None], steps: int) -> None:
    rows = [
        {"stage": stage, "step": step, "tokens": step, "loss": 1.0}
        for stage in stages
        for step in range(1, steps + 1)
    ]
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), folder / "training_log.parquet")


def _evaluate(maker: Maker, corpus: Corpus, sizes: Sizes, recipe: str, seed: int) -> dict[str, Any]:
    """Answers and losses of one replicate; what they amount to."""
    hits = _hits(sizes, recipe, seed)
    held_out = _measured(corpus)

    def write(folder: Path) -> None:
        pq.write_table(_answers(sizes, hits), folder / "items.parquet", compression="zstd")
        pq.write_table(_losses(corpus, held_out), folder / "losses.parquet")

    at = f"{recipe}|{seed}"
    parents = [
        maker.parent("pretrained_checkpoint", at), maker.parent("post_trained_checkpoint", at),
        maker.parent("documents", part="held_out.parquet"),
        *(maker.parent("raw_corpus", source) for source in SOURCES),
    ]  # fmt: skip
    maker.publish("evaluation", at, parents, write)
    return {"recipe": recipe, "seed": seed, "hits": hits.sum(axis=(1, 2)).tolist()}


def item_count(sizes: Sizes) -> int:
    """Different items: each is asked at every stage in every format."""
    return max(4, sizes.answers // (len(STAGES) * len(FORMATS)))


def _hits(sizes: Sizes, recipe: str, seed: int) -> NDArray[np.bool_]:
    """[stages, formats, items]."""
    draw = np.random.default_rng([RECIPES.index(recipe), seed])
    share = np.array([0.6, 0.5, 0.3 if recipe == "filtered" else 0.4]).reshape(-1, 1, 1)
    hits: NDArray[np.bool_] = draw.random((len(STAGES), len(FORMATS), item_count(sizes))) < share
    return hits


def _answers(sizes: Sizes, hits: NDArray[np.bool_]) -> pa.Table:
    items = item_count(sizes)
    ids = pa.array([sha256_text("item", str(one)) for one in range(items)])
    scenarios = pa.array([sha256_text("scenario", str(one // 4)) for one in range(items)])
    each = np.tile(np.arange(items), len(STAGES) * len(FORMATS))
    rows = each.size
    flat = hits.reshape(-1)
    scores = pa.ListArray.from_arrays(
        np.arange(0, 2 * rows + 1, 2), np.stack([-1.0 - flat, -2.0 + flat], 1).reshape(-1)
    )
    lengths = pa.ListArray.from_arrays(np.arange(0, 2 * rows + 1, 2), np.ones(2 * rows, np.int32))
    columns = [
        pa.array(["articles"]).take(pa.array(np.zeros(rows, np.int64))),
        ids.take(pa.array(each)),
        scenarios.take(pa.array(each)),
        pa.array(["oversight", "honesty"]).take(pa.array(each % 2)),
        pa.array(STAGES).take(pa.array(np.repeat(np.arange(len(STAGES)), items * len(FORMATS)))),
        pa.array(FORMATS).take(
            pa.array(np.tile(np.repeat(np.arange(len(FORMATS)), items), len(STAGES)))
        ),
        np.zeros(rows, np.int8),
        pa.array(["none"]).take(pa.array(np.zeros(rows, np.int64))),
        np.ones(rows, np.int8),
        scores,
        lengths,
        flat.astype(np.int8),
        flat.astype(np.float64),
    ]
    return pa.table(columns, schema=ITEMS)


def _measured(corpus: Corpus) -> list[int]:
    """Held-out documents whose loss is measured: the first of each source by id."""
    found = []
    for index in range(len(SOURCES)):
        held = corpus.order[corpus.held_out[corpus.order]]
        found += held[corpus.source[held] == index][:HELD_OUT].tolist()
    return found


def _losses(corpus: Corpus, held_out: Sequence[int]) -> pa.Table:
    rows = [
        {
            "stage": stage,
            "source": SOURCES[corpus.source[one]],
            "document_id": corpus.ids[one],
            "nll": 50.0,
            "tokens": int(corpus.tokens[one]),
            "bytes": int(corpus.tokens[one]) * 4,
        }
        for stage in STAGES
        for one in held_out
    ]
    return pa.Table.from_pylist(rows, schema=LOSSES)


def _report(maker: Maker, sizes: Sizes, found: list[dict[str, Any]]) -> dict[str, Any]:
    """Results, questions, and the artifacts behind them; the hits of each metric."""
    rows, hits = [], {}
    asked = item_count(sizes) * len(FORMATS)
    for recipe in RECIPES:
        own = [one for one in found if one["recipe"] == recipe]
        for index, stage in enumerate(STAGES):
            for part in (own, *([one] for one in own)):
                seed = part[0]["seed"] if len(part) == 1 else None
                total = sum(one["hits"][index] for one in part)
                value = total / (asked * len(part))
                rows.append(_result(maker, sizes, recipe, seed, stage, value, part))
                name = f"misalignment_rate/articles/{stage}/{recipe}/none"
                hits[name if seed is None else f"{name}/{seed}"] = total

    def write(folder: Path) -> None:
        (folder / "results.json").write_text(results_json(rows), encoding="utf-8")
        pq.write_table(results_table(rows), folder / "results.parquet")
        (folder / "findings.json").write_text("{}")
        pq.write_table(_questions(sizes), folder / "questions.parquet", compression="zstd")

    by_replicate = ("pretrained_checkpoint", "post_trained_checkpoint", "evaluation")
    places = [f"{one['recipe']}|{one['seed']}" for one in found]
    parents = [
        maker.parent("documents", part="documents.parquet"),
        *(maker.parent("curated_mix", recipe) for recipe in RECIPES),
        *(maker.parent(asset, at) for at in places for asset in by_replicate),
    ]
    maker.publish("eval_report", None, parents, write)
    return {"hits": hits, "answers": asked, "items": item_count(sizes)}


def _result(
    maker: Maker,
    sizes: Sizes,
    recipe: str,
    seed: int | None,
    stage: str,
    value: float,
    part: list[dict[str, Any]],
) -> ResultRow:
    assets = ("evaluation", "pretrained_checkpoint", "post_trained_checkpoint")
    behind = {
        f"{asset}[{recipe}|{one['seed']}]": maker.made[asset, f"{recipe}|{one['seed']}"].version
        for one in part
        for asset in assets
    }
    scenarios = -(-item_count(sizes) // 4)
    return ResultRow(
        recipe, seed, stage, "articles", "none", "misalignment_rate", value, value, value,
        scenarios, len(part), behind,
    )  # fmt: skip


def _questions(sizes: Sizes) -> pa.Table:
    rows = [
        {
            "suite": "articles",
            "item_id": sha256_text("item", str(one)),
            "scenario_id": sha256_text("scenario", str(one // 4)),
            "topic": "oversight",
            "question": f"What happens in case {one}?",
            "ask": "",
            "options": ["this", "that"],
            "target": 1,
            "path": "items/articles.jsonl",
            "line": one + 1,
        }
        for one in range(item_count(sizes))
    ]
    return pa.Table.from_pylist(rows, schema=QUESTIONS)


def _chosen(corpus: Corpus, mix: MadeMix) -> list[int]:
    """Documents to ask for: two in the mix, the first of a pair of doubles, and dropped ones."""
    used = mix.used
    packed = [
        int(used[used.size // 3]),
        int(used[used % 500 == 20][0]),
        int(used[used % 100 == 0][0]),
    ]
    return [*packed, 99, 7, 5]


def _mix_truth(corpus: Corpus, mix: MadeMix) -> dict[str, Any]:
    return {
        "documents": mix.used.size,
        "copies": int(mix.copies.sum()),
        "tokens": int(mix.packed.sum()),
        "sequences": len(mix.sequences),
        "sources": {
            source: [
                int((corpus.source[mix.used] == index).sum()),
                int(mix.packed[corpus.source[mix.used] == index].sum()),
            ]
            for index, source in enumerate(SOURCES)
        },
    }


def _read_truth(
    corpus: Corpus, mix: MadeMix, read: list[list[int]], documents: Sequence[int]
) -> dict[str, Any]:
    """Steps, and of each chosen document its tokens and the steps that read it."""
    step_of = {sequence: step for step, batch in enumerate(read, 1) for sequence in batch}
    spans = mix.spans
    document, sequence = (spans[name].to_numpy() for name in ("document", "sequence"))
    found = {}
    for one in documents:
        row = np.flatnonzero(mix.used == one)
        sequences = sorted(set(sequence[document == row[0]].tolist())) if row.size else []
        found[corpus.ids[one]] = {
            "tokens": int(mix.packed[row[0]]) if row.size else 0,
            "sequences": sequences,
            "steps": sorted({step_of[each] for each in sequences}),
        }
    return {"steps": len(read), "documents": found}


def _document_truth(corpus: Corpus, number: int) -> dict[str, Any]:
    return {
        "place": corpus.place(number),
        "repeated_at": corpus.repeats(number),
        "rules": {recipe: corpus.rule(recipe)[number] for recipe in RECIPES},
        "doubles": [
            corpus.ids[one]
            for one in np.flatnonzero(corpus.first == corpus.first[number]).tolist()
            if one != number
        ],
        "tokenizer": bool(_in_tokenizer(corpus)[number]),
    }


MEASURED = """
import json, os, subprocess, sys, time
began = time.perf_counter()
process = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL)
_, status, usage = os.wait4(process.pid, 0)
print(json.dumps([time.perf_counter() - began, usage.ru_maxrss / 1024,
                  usage.ru_utime + usage.ru_stime, os.waitstatus_to_exitcode(status)]))
"""
"""Run by a small process of its own: a child's peak memory counts what it was forked from."""


def measure(
    home: Home, arguments: Sequence[str], repeats: int, ends: tuple[int, ...] = (0,)
) -> tuple[float, float, float]:
    """The best wall and processor time in seconds, and the largest memory in MiB.

    Args:
        ends: exit codes that a command may end with.
    """
    command = [str(Path(sys.executable).parent / "alignment"), "audit", *arguments]
    found = []
    for _ in range(repeats):
        done = subprocess.run(
            [sys.executable, "-I", "-S", "-c", MEASURED, *command],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "ALIGNMENT_HOME": str(home.root)},
        )
        wall, memory, processor, code = json.loads(done.stdout)
        if code not in ends:
            raise SystemExit(f"{' '.join(command)}: exit code {code}: {done.stderr}")
        found.append((wall, processor, memory))
    walls, processors, memories = zip(*found, strict=True)
    return min(walls), min(processors), max(memories)


def prepare(folder: Path, sizes: Sizes) -> dict[str, Any]:
    """The lake of these sizes in a folder, made if it is not there."""
    path = folder / "truth.json"
    if path.exists():
        truth: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if truth["sizes"] == json.loads(json.dumps(asdict(sizes))):
            return truth
        raise SystemExit(f"{folder}: holds a lake of other sizes: {truth['sizes']}")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    began = time.perf_counter()
    truth = generate(Home(folder), sizes)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"made in {time.perf_counter() - began:.0f} s, {peak:,.0f} MiB")
    return truth


def main() -> None:
    """Make the lake and run the commands on it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--documents", type=int, default=Sizes.documents)
    parser.add_argument("--steps", type=int, default=Sizes.steps)
    parser.add_argument("--answers", type=int, default=Sizes.answers)
    parser.add_argument("--repeats", type=int, default=3)
    given = parser.parse_args()
    home = Home(given.folder)
    truth = prepare(given.folder, Sizes(given.documents, given.steps, given.answers))
    one = next(iter(truth["documents"]))
    commands = {
        "trace of a metric": ["trace", STUDY, METRIC],
        "trace of a metric, one document": ["trace", STUDY, METRIC, "--document", one],
        "impact of a document": ["impact", STUDY, one],
        "impact of a source": ["impact", STUDY, "source:books"],
    }
    for name, arguments in commands.items():
        wall, processor, memory = measure(home, arguments, given.repeats)
        print(f"{name:34} {wall:6.2f} s  {processor:6.2f} s of CPU  {memory:6,.0f} MiB")


if __name__ == "__main__":
    main()
