"""`tokenizer`: one vocabulary for all recipes, so that their losses can be compared."""

from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from alignment_dagster import chain
from alignment_dagster.evaluation.suites.context_fit import check_items_fit
from alignment_dagster.evaluation.suites.loader import content_digest
from alignment_dagster.foundation.model_files import tokenizer_digest
from alignment_dagster.graph.build_context import BuildContext
from alignment_dagster.graph.parent_spec import ParentSpec
from alignment_dagster.graph.step import BuildResult, Step
from alignment_dagster.lineage import file_names
from alignment_dagster.lineage.partition_keys import Partition
from alignment_dagster.lineage.provenance import BASE, LAST_DOCUMENT, Check
from alignment_dagster.lineage.shards import shard_files
from alignment_dagster.mixing.base import check_base, copy_tokenizer
from alignment_dagster.mixing.tokenizer import last_sampled_id, load_tokenizer, train_tokenizer
from alignment_dagster.steps.pages.tokenizer import page_metadata
from alignment_dagster.study import Study

SAMPLE = "A seldom-seen sentence: naïve café, 42 % of 7 — <|endoftext|> \t\u202e ok\n"
"""Ordinary and awkward text, with a special token spelled out, that must come back unchanged."""


def build(context: BuildContext) -> BuildResult:
    """Train on every document that may be trained on; held-out and leaked ones stay unseen.

    Of a checkpoint that was trained elsewhere the tokenizer is copied, and nothing is trained.
    """
    study = context.study
    wanted, base = study.declaration.tokenizer, study.declaration.base
    measured: dict[str, float | str] = {}
    if wanted is not None:
        documents = _documents(context)
        last = last_sampled_id(documents, wanted.characters)
        read = documents.filter(pc.less_equal(documents["document_id"], last))["document_id"]
        texts = _texts(context, set(read.to_pylist()))
        size = train_tokenizer(texts, wanted.vocab_size, context.folder, study.control_tokens)
        measured = {"documents": float(len(read)), LAST_DOCUMENT: last}
    if base is not None:
        check_base(base, study.longest_sequence)
        size = copy_tokenizer(base, context.folder, study.control_tokens)
    tokenizer = load_tokenizer(context.folder)
    returned = tokenizer.decode(tokenizer.encode(SAMPLE).ids, skip_special_tokens=False)
    check = Check(
        name="text_returns_unchanged",
        passed=returned == SAMPLE,
        summary=f"{size:,} entries; the sample came back {'un' * (returned == SAMPLE)}changed.",
        # Many published tokenizers normalise what they read: their models never saw it otherwise.
        blocking=base is None,
    )
    # Before anything is trained: an item that does not fit would otherwise be found hours later.
    longest = check_items_fit(
        study.asked_suites,
        study.assets,
        context.folder,
        study.declaration.mix.sequence_length - any(one.prompt for one in study.recipes),
    )
    return BuildResult(
        (check,),
        measured,
        {"vocabulary": size, "longest_item_tokens": longest},
    )


def _documents(context: BuildContext) -> pa.Table:
    """Ids and lengths of all that may be trained on."""
    return pq.read_table(
        context.parents.one(chain.DOCUMENTS).path / file_names.DOCUMENTS,
        columns=["document_id", "characters"],
        filters=(pc.field("role") == "corpus")
        & ~pc.field("held_out")
        & pc.field("item_id").is_null()
        & pc.field("duplicate_of").is_null(),
    )


def _texts(context: BuildContext, allowed: set[str]) -> Iterator[str]:
    for source in context.study.with_role("corpus"):
        corpus = context.parents.one(chain.RAW_CORPUS, source.name)
        for path in shard_files(corpus, file_names.RAW_DOCUMENTS):
            for batch in pq.ParquetFile(path).iter_batches(columns=["document_id", "text"]):
                for row in batch.to_pylist():
                    if row["document_id"] in allowed:
                        yield row["text"]


def parents(study: Study, _partition: Partition) -> tuple[ParentSpec, ...]:
    """All documents to pretrain on, and which of them are held out or leaked; none of a copy."""
    if study.declaration.base is not None:
        return ()
    raw = tuple(ParentSpec(chain.RAW_CORPUS, source.name) for source in study.with_role("corpus"))
    return (*raw, ParentSpec(chain.DOCUMENTS, part=file_names.DOCUMENTS))


def config(study: Study, _partition: Partition) -> Mapping[str, Any]:
    """The size of vocabulary and sample, or whose vocabulary is copied, and the tokens that
    treatments put in; suites and context, which are held against each other.
    """
    wanted, base = study.declaration.tokenizer, study.declaration.base
    controls = study.control_tokens
    return {
        **({"control_tokens": list(controls)} if controls else {}),
        **({} if wanted is None else wanted.model_dump(mode="json")),
        **({} if base is None else {"base": base.model_dump(mode="json")}),
        "sequence_length": study.declaration.mix.sequence_length,
        "suites": [suite.settings for suite in study.asked_suites],
    }


def external_inputs(study: Study, _partition: Partition) -> Mapping[str, str]:
    """The items, by their content, and what is copied from."""
    base = study.declaration.base
    return {
        **{suite.name: content_digest(suite, study.assets) for suite in study.asked_suites},
        **({} if base is None else {BASE: tokenizer_digest(base)}),
    }


STEP = Step(
    asset=chain.TOKENIZER,
    kinds=frozenset({"python", "huggingface"}),
    description=(
        "A byte-level BPE vocabulary trained on the study's corpus, or on a sample of a large one "
        "(without held-out documents and documents that hold an evaluation item), or the tokenizer "
        "of the checkpoint that the study goes on from. All recipes share it: a loss under one "
        "recipe then means the same as under another."
    ),
    code_version="2",
    modules=("mixing/tokenizer.py", "evaluation/suites/context_fit.py", "steps/tokenizer.py"),
    parents=parents,
    config=config,
    external_inputs=external_inputs,
    build=build,
    page_metadata=page_metadata,
    checks={"text_returns_unchanged": "Any text survives encoding and decoding."},
)
