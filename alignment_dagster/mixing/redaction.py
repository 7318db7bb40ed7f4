"""What a recipe takes out of the texts that it keeps: spans, replaced by their kind.

The texts of a source stay as they were read. A span is found in them by the function that the
scorer is made of, so that it is the one that the document's scores tell of.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from alignment_dagster.mixing.kept_documents import KeptDocuments, Numbers, read_texts
from alignment_dagster.scoring.pii import Span, find_spans, redact
from alignment_dagster.study import Redaction

Rewrite = Callable[[str], str]
REDACTIONS = pa.schema(
    [
        pa.field("document_id", pa.string(), nullable=False),
        pa.field("kind", pa.string(), nullable=False),
        pa.field("spans", pa.int64(), nullable=False),
        pa.field("characters", pa.int64(), nullable=False),
    ]
)
"""One row for each packed document and kind of which something was replaced: how many spans, and
the characters that stood there."""
CHUNK = 2**15
"""Rows that are written at a time."""


def rewriter(redaction: Redaction | None) -> Rewrite | None:
    """The function from a document's text to what is read of it; None where that is the text."""
    if redaction is None:
        return None
    kinds = redaction.kinds
    return lambda text: redact(text, find_declared(text, kinds))


def find_declared(text: str, kinds: Sequence[str]) -> list[Span]:
    """The spans of some kinds: byte ranges in order."""
    return [span for span in find_spans(text) if span.kind in kinds]


def write_redactions(
    path: Path, redaction: Redaction, kept: KeptDocuments, rows: Numbers, documents: Sequence[Path]
) -> None:
    """Write what was replaced in some of the kept documents, in the order of their ids.

    Args:
        path: of the table, `REDACTIONS`.
        redaction: what the recipe declares.
        kept: the recipe's documents.
        rows: of those that were packed.
        documents: the corpora's files.
    """
    found: list[tuple[int, str, int, int]] = []
    for row, text in read_texts(kept, rows, documents):
        content, spans, characters = text.encode(), Counter[str](), Counter[str]()
        for start, end, kind in find_declared(text, redaction.kinds):
            spans[kind] += 1
            characters[kind] += len(content[start:end].decode())
        found += [(row, kind, count, characters[kind]) for kind, count in sorted(spans.items())]
    found.sort()
    with pq.ParquetWriter(path, REDACTIONS) as writer:
        for at in range(0, len(found), CHUNK):
            part = found[at : at + CHUNK]
            ids = kept.hex_ids(np.array([one[0] for one in part], np.int64))
            columns = [ids, *(list(column) for column in list(zip(*part, strict=True))[1:])]
            writer.write_table(pa.table(columns, schema=REDACTIONS))
