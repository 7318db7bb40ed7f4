"""The documents that a mix holds inside of others: a table, written with it and held against it."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from alignment_dagster.lineage import file_names
from alignment_dagster.mixing.insertions import (
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
what became of it: `packed`, `host_not_packed` (the budget was met without it) or `host_not_kept`
(the recipe drops it)."""


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
        for segment in packable.segments(host) or ():
            if segment.row == host:
                done = segment.start + segment.size
            else:
                starts[segment.row] = done
    rows = insertions.document.tolist()
    states = np.where(inside, PACKED, HOST_NOT_PACKED)
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


def find_misplaced(folder: Path) -> str | None:
    """Hold what `insertions.parquet` says against the span map.

    Returns:
        None where each document that is said to be packed lies in the host and before the token
        that it says, as often as that, and nowhere else, and no other lies in one; or what is not.
    """
    path = folder / file_names.INSERTIONS
    if not path.exists():
        return None
    said = pq.read_table(path).filter(pc.field("state") == PACKED).to_pylist()
    documents = pq.read_table(folder / file_names.DOCUMENTS)
    rows = {one: row for row, one in enumerate(documents["document_id"].to_pylist())}
    for row in said:
        if row["document_id"] not in rows or row["host_id"] not in rows:
            return f"{row['document_id']} or its host {row['host_id']} is not in the mix"
    hosts = {rows[one["document_id"]]: rows[one["host_id"]] for one in said}
    starts = {rows[one["document_id"]]: one["host_start"] for one in said}
    copies = documents["copies"].to_pylist()
    for guest, host in hosts.items():
        # A copy that the budget cuts may end before it.
        if not copies[host] - 1 <= copies[guest] <= copies[host]:
            return f"{documents['document_id'][guest]} is not read as often as its host"
    if (folder / file_names.BOUNDARIES).exists():
        return None  # pieces of copies lie anywhere
    involved = pc.field("document").isin([*hosts, *hosts.values()])
    spans = pq.read_table(folder / file_names.SPANS, filters=involved)
    stray = _find_stray(spans, hosts, starts)
    return None if stray is None else f"{documents['document_id'][stray]} lies in another place"


def _find_stray(spans: pa.Table, hosts: dict[int, int], starts: dict[int, int]) -> int | None:
    """The first document that does not lie where it is said to; end to end, spans follow a copy."""
    done = dict[tuple[int, int], int]()
    for row in spans.to_pylist():
        document, copy, size = row["document"], row["copy"], row["end"] - row["start"]
        host = hosts.get(document, document)
        if host != document and done.get((host, copy), 0) != starts[document]:
            return int(document)
        if host == document:
            done[host, copy] = row["document_start"] + size
    return None
