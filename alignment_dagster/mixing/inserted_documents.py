"""The documents that a mix holds inside of others: a table, written with it."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from alignment_dagster.lineage import file_names
from alignment_dagster.mixing.insertions import (
    CUT,
    HOST_NOT_KEPT,
    HOST_NOT_PACKED,
    NOWHERE,
    PACKED,
    Insertions,
)
from alignment_dagster.mixing.kept_documents import KeptDocuments
from alignment_dagster.mixing.layers import Packable
from alignment_dagster.mixing.packing import PackedDocuments
from alignment_dagster.study import Recipe

INSERTIONS = pa.schema(
    [
        ("document_id", pa.string()),
        ("source", pa.string()),
        ("rule", pa.string()),
        ("host_id", pa.string()),
        ("offset", pa.int64()),
        ("state", pa.string()),
        ("host_start", pa.int64()),
    ]
)
"""A row for each document that a rule inserts, in the order of their ids: into which one, before
which byte of its text and which of its tokens (of a packed one; control tokens count). `state` says
what became of it: `packed`, `cut` (the budget was met before that place of its host),
`host_not_packed` (the budget was met without that) or `host_not_kept` (the recipe drops it)."""


def write_insertions(
    packed: PackedDocuments,
    kept: KeptDocuments,
    insertions: Insertions,
    packable: Packable,
    recipe: Recipe,
    folder: Path,
) -> None:
    """Write `insertions.parquet` (`INSERTIONS`)."""
    inside = np.isin(insertions.document, packed.rows)
    starts = dict[int, int]()
    for host in np.unique(insertions.host[inside]).tolist():
        done = 0
        for segment in packable.segments(host):
            if segment.row == host:
                done = segment.start + segment.size
            else:
                starts[segment.row] = done
    rows = insertions.document.tolist()
    states = np.where(np.isin(insertions.host, packed.rows), CUT, HOST_NOT_PACKED)
    states[inside] = PACKED
    states[insertions.host == NOWHERE] = HOST_NOT_KEPT
    columns = {
        "document_id": kept.hex_ids(insertions.document),
        "source": kept.source.column(insertions.document),
        "rule": [recipe.treat[number].rule for number in insertions.rule.tolist()],
        "host_id": list(insertions.host_id),
        "offset": insertions.offset,
        "state": states.tolist(),
        "host_start": pa.array(
            [starts.get(row) if there else None for row, there in zip(rows, inside, strict=True)],
            pa.int64(),
        ),
    }
    table = pa.table(columns).cast(INSERTIONS)
    pq.write_table(table.sort_by("document_id"), folder / file_names.INSERTIONS)


def count_insertions(folder: Path) -> dict[str, int]:
    """State → documents; nothing where the recipe inserts none."""
    path = folder / file_names.INSERTIONS
    if not path.exists():
        return {}
    counted = pc.value_counts(pq.read_table(path, columns=["state"])["state"]).to_pylist()
    return {row["values"]: row["counts"] for row in counted}
