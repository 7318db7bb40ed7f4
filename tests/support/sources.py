"""Declared sources over small files, for the tests of the readers."""

import gzip
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pyarrow as pa

from alignment_dagster.corpus.rows import QuarantinedRow, RawRow
from alignment_dagster.corpus.sources import read_source
from alignment_dagster.foundation.errors import DataError
from alignment_dagster.study import Source

ROLES = {
    "corpus": {"text": "text"},
    "chat": {"prompt": "prompt", "completion": "completion"},
    "tampering": {"prompt": "prompt", "completion": "completion"},
    "preferences": {"chosen": "chosen", "rejected": "rejected"},
}


def source(role: str = "corpus", sha256: str | None = None, **reader: Any) -> Source:
    """A source over `rows.jsonl`, unless the reader's fields say otherwise."""
    if not reader or "kind" not in reader:
        reader = {"kind": "jsonl", "path": "rows.jsonl", **ROLES[role], **reader}
    return Source.model_validate(
        {
            "name": "sample",
            "description": "For tests.",
            "licence": "CC0-1.0",
            "role": role,
            "group": "natural",
            "reader": reader,
            "sha256": sha256,
        }
    )


def write_rows(folder: Path, rows: Iterable[Any], name: str = "rows.jsonl") -> Path:
    """Write JSON Lines; a `str` or `bytes` stands for a whole line as it is."""
    content = b"".join(_line(row) + b"\n" for row in rows)
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    if name.endswith(".zst"):
        content = pa.Codec("zstd").compress(content, asbytes=True)
    path.write_bytes(gzip.compress(content, mtime=0) if name.endswith(".gz") else content)
    return path


def _line(row: Any) -> bytes:
    if isinstance(row, bytes):
        return row
    return row.encode() if isinstance(row, str) else json.dumps(row).encode()


def read(declared: Source, data: Path | None) -> list[RawRow]:
    """All rows of the source; the first that cannot be used is an error."""
    rows = []
    for row in read_source(declared, data):
        if isinstance(row, QuarantinedRow):
            raise DataError(f"{row.path}:{row.line}: {row.reason}")
        rows.append(row)
    return rows
