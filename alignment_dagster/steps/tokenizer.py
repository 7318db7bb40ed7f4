"""`tokenizer`: one vocabulary for all recipes, so that their losses can be compared."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from alignment_dagster.steps.pages import charts
from alignment_dagster.steps import raw_corpus
from alignment_dagster.evaluation.suites.context_fit import check_items_fit
from alignment_dagster.evaluation.suites.loader import content_digest
from alignment_dagster.defs.asset_factory import definitions
from alignment_dagster.graph.materialize import Making
from alignment_dagster.steps.pages.tables import drawing, table
from alignment_dagster.graph.step import Made, Partition, Step, Wanted, no_partitions
from alignment_dagster.lineage.lake import Artifact
from alignment_dagster.lineage.provenance import LAST_DOCUMENT, Check
from alignment_dagster.mixing.tokenizer import last_sampled_id, load_tokenizer, train_tokenizer
from alignment_dagster.study import Study

SAMPLE = "A seldom-seen sentence: naïve café, 42 % of 7 — <|endoftext|> \t\u202e ok\n"
"""Ordinary and awkward text, with a special token spelled out, that must come back unchanged."""


def build(making: Making) -> Made:
    """Train on every document that may be trained on; held-out and leaked ones stay unseen."""
    wanted = making.study.declaration.tokenizer
    documents = _documents(making)
    last = last_sampled_id(documents, wanted.characters)
    read = documents.filter(pc.less_equal(documents["document_id"], last))["document_id"]
    texts = _texts(making, set(read.to_pylist()))
    size = train_tokenizer(texts, wanted.vocab_size, making.folder)
    tokenizer = load_tokenizer(making.folder)
    returned = tokenizer.decode(tokenizer.encode(SAMPLE).ids, skip_special_tokens=False)
    check = Check(
        name="text_returns_unchanged",
        passed=returned == SAMPLE,
        summary=f"{size:,} entries; the sample came back {'un' * (returned == SAMPLE)}changed.",
    )
    # Before anything is trained: an item that does not fit would otherwise be found hours later.
    context = making.study.declaration.mix.sequence_length
    longest = check_items_fit(
        making.study.asked_suites, making.study.assets, making.folder, context
    )
    return Made(
        (check,),
        {"documents": float(len(read)), LAST_DOCUMENT: last},
        {"vocabulary": size, "longest_item_tokens": longest},
    )


def _documents(making: Making) -> pa.Table:
    """Ids and lengths of all that may be trained on."""
    return pq.read_table(
        making.parents.one("documents").path / "documents.parquet",
        columns=["document_id", "characters"],
        filters=(pc.field("role") == "corpus")
        & ~pc.field("held_out")
        & pc.field("item_id").is_null()
        & pc.field("duplicate_of").is_null(),
    )


def _texts(making: Making, allowed: set[str]) -> Iterator[str]:
    for source in making.study.with_role("corpus"):
        yield from _allowed(
            making.parents.one("raw_corpus", source.name).path / raw_corpus.FILE, allowed
        )


def _allowed(path: Path, allowed: set[str]) -> Iterator[str]:
    for batch in pq.ParquetFile(path).iter_batches(columns=["document_id", "text"]):
        for row in batch.to_pylist():
            if row["document_id"] in allowed:
                yield row["text"]


def describe(_study: Study, artifact: Artifact) -> Mapping[str, Any]:
    """The size of the vocabulary, how long its entries are, and the longest."""
    vocabulary = load_tokenizer(artifact.path).get_vocab()
    longest = sorted(vocabulary, key=lambda entry: (-len(entry), entry))[:10]
    rows = [{"id": vocabulary[entry], "entry": entry.replace("Ġ", "␣")} for entry in longest]
    lengths = charts.histogram(np.array([*map(len, vocabulary)]), "characters", "entries")
    return {
        "plot": drawing(lengths, "characters of an entry"),
        "vocabulary": len(vocabulary),
        "longest_entries": dg.MetadataValue.md(table(rows, ["id", "entry"])),
    }


def wants(study: Study, _partition: Partition) -> tuple[Wanted, ...]:
    """All documents to pretrain on, and which of them are held out or leaked."""
    raw = tuple(Wanted("raw_corpus", source.name) for source in study.with_role("corpus"))
    return (*raw, Wanted("documents", part="documents.parquet"))


def declared(study: Study, _partition: Partition) -> Mapping[str, Any]:
    """The size of vocabulary and sample; suites and context, which are held against each other."""
    return {
        **study.declaration.tokenizer.model_dump(mode="json"),
        "sequence_length": study.declaration.mix.sequence_length,
        "suites": [suite.model_dump(mode="json") for suite in study.asked_suites],
    }


def outside(study: Study, _partition: Partition) -> Mapping[str, str]:
    """The items, by their content."""
    return {suite.name: content_digest(suite, study.assets) for suite in study.asked_suites}


STEP = Step(
    asset="tokenizer",
    group="2_mix",
    kinds=frozenset({"python", "huggingface"}),
    description=(
        "A byte-level BPE vocabulary trained on the study's corpus, or on a sample of a large one "
        "(without held-out documents and documents that hold an evaluation item). All recipes "
        "share it: a loss under one recipe then means the same as under another."
    ),
    code=("mixing/tokenizer.py", "evaluation/suites/context_fit.py", "steps/tokenizer.py"),
    partitions=no_partitions,
    wants=wants,
    declared=declared,
    outside=outside,
    build=build,
    describe=describe,
    checks={"text_returns_unchanged": "Any text survives encoding and decoding."},
)


@dg.definitions
def defs() -> dg.Definitions:
    """The asset in every study."""
    return definitions(STEP, upstream=[raw_corpus.STEP, "documents"])
