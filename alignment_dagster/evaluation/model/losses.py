"""The loss on held-out documents: every token predicted once, in windows of the context."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from alignment_dagster.evaluation.model.control_tokens import prompt_ids
from alignment_dagster.evaluation.model.log_probabilities import score
from alignment_dagster.evaluation.model.token_trees import Continuation
from alignment_dagster.foundation.errors import ArtifactError

LOSSES = pa.schema(
    [
        ("stage", pa.string()),
        ("source", pa.string()),
        ("document_id", pa.string()),
        ("nll", pa.float64()),
        ("tokens", pa.int64()),
        ("bytes", pa.int64()),
    ]
)


@dataclass(frozen=True)
class HeldOutDocument:
    """A document that no recipe trained on."""

    document_id: str
    source: str
    text: str


def read_held_out_documents(
    documents: Path, corpora: Sequence[Sequence[Path]], limit: int
) -> tuple[HeldOutDocument, ...]:
    """At most `limit` held-out documents of each corpus: those with the smallest ids, which are
    hashes, hence a sample. Ordered by corpus, then id.

    Args:
        corpora: the shards of each.
    """
    wanted = _read([documents], ["document_id"], pc.field("held_out"))
    ids = pa.array(wanted["document_id"].to_pylist(), pa.string())
    chosen: list[HeldOutDocument] = []
    for shards in corpora:
        found = _read(shards, ["document_id"], pc.field("document_id").isin(ids))
        # Ids are sorted before any text is read: sorting puts a column into one array of 2 GiB.
        first = pa.array(sorted(found["document_id"].to_pylist())[:limit], pa.string())
        columns = ["document_id", "source", "text"]
        rows = _read(shards, columns, pc.field("document_id").isin(first)).to_pylist()
        chosen += sorted(
            (HeldOutDocument(**row) for row in rows), key=lambda each: each.document_id
        )
    return tuple(chosen)


def split_windows(
    tokens: Sequence[int], end_of_text: int, context: int, prompt: tuple[int, ...] = ()
) -> list[Continuation]:
    """Consecutive windows that predict every token once.

    As in training, a document follows the end-of-text token; each later window begins with the
    last token of the one before it.

    Args:
        prompt: what stands between the end-of-text token and the document.
    """
    whole = (end_of_text, *prompt, *tokens)
    return [
        Continuation(tuple(whole[at : at + context + 1]), 1 + len(prompt) * (at == 0))
        for at in (range(0, len(whole) - 1, context) if tokens else ())
    ]


def document_losses(
    model: Any,
    tokenizer: Any,
    stage: str,
    documents: Sequence[HeldOutDocument],
    context: int,
    batch_tokens: int,
    report: Callable[[int, int], None] | None = None,
) -> pa.Table:
    """One row for each document: summed negative log-likelihood in nats, tokens, UTF-8 bytes."""
    encoded = _encode(tokenizer, [one.text for one in documents])
    prompt = prompt_ids(model)
    split = [split_windows(tokens, tokenizer.eos_token_id, context, prompt) for tokens in encoded]
    scores = iter(score(model, [row for rows in split for row in rows], batch_tokens, report))
    rows = [
        {
            "stage": stage,
            "source": document.source,
            "document_id": document.document_id,
            "nll": -sum(next(scores) for _ in parts),
            "tokens": len(tokens),
            "bytes": len(document.text.encode("utf-8")),
        }
        for document, tokens, parts in zip(documents, encoded, split, strict=True)
    ]
    return pa.Table.from_pylist(rows, schema=LOSSES)


def _encode(tokenizer: Any, texts: list[str]) -> list[list[int]]:
    """Token ids; a control token in a document's text is encoded as the characters it is."""
    if not texts:
        return []
    encoded = tokenizer(texts, add_special_tokens=False, split_special_tokens=True)
    ids: list[list[int]] = encoded["input_ids"]
    return ids


def _read(paths: Sequence[Path], columns: list[str], rows: pc.Expression) -> pa.Table:
    try:
        found = [pq.read_table(path, columns=columns, filters=rows) for path in paths]
        return pa.concat_tables(found)
    except (FileNotFoundError, pa.ArrowInvalid) as error:
        raise ArtifactError(f"{paths[0]}: cannot be read: {error}") from None
