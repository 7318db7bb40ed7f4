"""The labelled documents of a classifier: what each is for, and why one is for nothing."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from alignment_dagster.foundation.digests import sha256_text
from alignment_dagster.foundation.errors import DataError
from alignment_dagster.scoring.fingerprint import fingerprint
from alignment_dagster.study.classifiers import Classifier

SCHEMA = pa.schema(
    [
        ("document_id", pa.string()),
        ("source", pa.string()),
        ("label", pa.string()),
        ("use", pa.string()),
        ("cause", pa.string()),
    ]
)
"""One row for each document of the labelled sources, in their order."""
TRAINED, HELD_OUT = "trained", "held_out"
UNLABELLED, NOT_SAMPLED, DUPLICATE, CONTRADICTED, ITEM = (
    "unlabelled",
    "not_sampled",
    "duplicate",
    "contradicted",
    "evaluation_item",
)
LEAST = {TRAINED: 20, HELD_OUT: 5}
"""Documents with each label; fewer say nothing."""
BATCH = 512

FindItems = Callable[[list[str]], Sequence[str | None]]
"""Texts → of each the id of the evaluation item that it holds, or None."""


@dataclass(frozen=True)
class LabelledDocuments:
    """The documents of one source, and the label that all of them have, or each by its id."""

    source: str
    label: str | Mapping[str, str]
    files: Sequence[Path]
    """Parquet with `document_id` and `text`."""

    def label_of(self, document_id: str) -> str | None:
        """None where a document has none."""
        return self.label if isinstance(self.label, str) else self.label.get(document_id)


def place(*parts: str) -> float:
    """Where the SHA-256 of something falls between 0 and 1."""
    return int(sha256_text(*parts)[:8], 16) / 2**32


def held_out_place(words: str) -> float:
    """Where a fingerprint falls; the warehouse holds out what is below the study's share."""
    from hashlib import sha256

    return int(sha256(words.encode()).hexdigest()[:8], 16) / 2**32


def choose_examples(
    classifier: Classifier,
    corpora: Sequence[LabelledDocuments],
    held_out_share: float,
    find_items: FindItems,
) -> pa.Table:
    """Decide of every labelled document what it is for.

    A text that occurs twice counts once, and not at all where its labels differ. What holds an
    evaluation item is for nothing. What the study holds out is never trained on.

    Args:
        held_out_share: the study's.
        find_items: the evaluation items that texts hold.

    Returns:
        A table of `SCHEMA`; `cause` is the document that said the same before, or the item.

    Raises:
        DataError: if a label has too few documents to learn from or to be measured on.
    """
    sampled = _sample(classifier, corpora)
    first: dict[str, str] = {}
    rows: list[dict[str, str | None]] = []
    by_fingerprint: dict[str, list[int]] = {}
    for corpus in corpora:
        for ids, texts in read_texts(corpus.files, None):
            wanted = [text for one, text in zip(ids, texts, strict=True) if one in sampled]
            items = iter(find_items(wanted))
            for one, text in zip(ids, texts, strict=True):
                row: dict[str, str | None] = dict.fromkeys(SCHEMA.names)
                label = corpus.label_of(one)
                row |= {"document_id": one, "source": corpus.source, "label": label}
                rows.append(row)
                if one not in sampled:
                    row["use"] = UNLABELLED if label is None else NOT_SAMPLED
                    continue
                item, words = next(items), fingerprint(text)
                by_fingerprint.setdefault(words, []).append(len(rows) - 1)
                before = first.setdefault(words, one)
                row["cause"] = item or (None if before == one else before)
                row["use"] = (
                    ITEM if item else DUPLICATE if before != one
                    else _split(classifier, words, held_out_share)
                )  # fmt: skip
    for places in by_fingerprint.values():
        if len({rows[at]["label"] for at in places}) > 1:
            for at in places:
                rows[at]["use"] = ITEM if rows[at]["use"] == ITEM else CONTRADICTED
    found = pa.Table.from_pylist(rows, schema=SCHEMA)
    _require_enough(classifier, found)
    return found


def _sample(classifier: Classifier, corpora: Sequence[LabelledDocuments]) -> frozenset[str]:
    """Of each label so many documents as are declared, by the hash of their ids."""
    by_label: dict[str, list[str]] = {}
    for corpus in corpora:
        ids = [pq.read_table(file, columns=["document_id"])["document_id"] for file in corpus.files]
        for one in (name for found in ids for name in found.to_pylist()):
            if label := corpus.label_of(one):
                by_label.setdefault(label, []).append(one)
    seed = str(classifier.seed)
    return frozenset(
        one
        for ids in by_label.values()
        for one in sorted(ids, key=lambda one: sha256_text(seed, one))[: classifier.most_per_label]
    )


def _split(classifier: Classifier, words: str, held_out_share: float) -> str:
    """By the text's words, not its id: a text that comes again falls on the same side."""
    if held_out_place(words) < held_out_share:
        return HELD_OUT
    own = place("classifier", str(classifier.seed), words)
    return HELD_OUT if own < classifier.held_out_share else TRAINED


def _require_enough(classifier: Classifier, found: pa.Table) -> None:
    sources: Mapping[str, list[str]] = {
        label: [one.source for one in classifier.sources if one.column or str(one.label) == label]
        for label in classifier.tells.labels
    }
    for label, names in sources.items():
        own = found.filter(pc.equal(found["label"], label))
        for use, least in LEAST.items():
            count = pc.sum(pc.equal(own["use"], use)).as_py() or 0
            if count < least:
                purpose = "to learn from" if use == TRAINED else "held out to be measured on"
                raise DataError(
                    f"classifier {classifier.name}: label {label!r} of {', '.join(names)}: "
                    f"{count} documents {purpose} (at least {least} are needed, of "
                    f"{own.num_rows:,} read): give it more documents or another held_out_share"
                )


def read_texts(
    files: Sequence[Path], wanted: frozenset[str] | None
) -> Iterator[tuple[list[str], list[str]]]:
    """Ids and texts, some hundreds at a time; of `wanted` only, where that is given."""
    for file in files:
        with pq.ParquetFile(file) as documents:
            for batch in documents.iter_batches(BATCH, columns=["document_id", "text"]):
                ids, texts = batch["document_id"].to_pylist(), batch["text"].to_pylist()
                if wanted is not None:
                    kept = [at for at, one in enumerate(ids) if one in wanted]
                    ids, texts = [ids[at] for at in kept], [texts[at] for at in kept]
                if ids:
                    yield ids, texts


def ids_for(examples: pa.Table, use: str) -> frozenset[str]:
    """The documents that are for something."""
    return frozenset(examples.filter(pc.equal(examples["use"], use))["document_id"].to_pylist())
