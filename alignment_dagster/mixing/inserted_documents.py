"""The documents that a mix holds inside of others: a table, written with it and held against it."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

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
from alignment_dagster.study.treatments import INSERTED

Row = dict[str, Any]
Rows = Sequence[Row]
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
        for segment in packable.segments(host) or ():
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


def find_misplaced(folder: Path) -> str | None:
    """Hold what `insertions.parquet` says against the span map and `treated.parquet`.

    That a document has a row is known of those of which a token is treated as inserted: of one
    that another rule masks or hides as a whole it is not. What `offset` says is not looked at:
    there are no texts here.

    Returns:
        None where each document that is said to be packed lies in the host and before the token
        that it says, beside that or beside others that do, as often as that, and nowhere else, and
        what is said to be left out is not in the mix; or what is not so.
    """
    path = folder / file_names.INSERTIONS
    if not path.exists():
        return None
    table = pq.read_table(path).to_pylist()
    documents = pq.read_table(folder / file_names.DOCUMENTS)
    rows = {one: row for row, one in enumerate(documents["document_id"].to_pylist())}
    said = [one for one in table if one["state"] == PACKED]
    problem = _find_untrue_state(table, rows) or _find_unlisted(folder, said)
    if problem is not None:
        return problem
    hosts = {rows[one["document_id"]]: rows[one["host_id"]] for one in said}
    starts = {rows[one["document_id"]]: one["host_start"] for one in said}
    copies = documents["copies"].to_pylist()
    for guest, host in hosts.items():
        # The budget may cut a copy before it, or, where it comes first, right behind it.
        if not copies[host] - 1 <= copies[guest] <= copies[host] + (starts[guest] == 0):
            return f"{documents['document_id'][guest]} is not read as often as its host"
    involved = pc.field("document").isin([*hosts, *hosts.values()])
    spans = pq.read_table(folder / file_names.SPANS, filters=involved).to_pylist()
    shape = np.load(folder / file_names.SEQUENCES, mmap_mode="r", allow_pickle=False).shape
    best_fit = (folder / file_names.BOUNDARIES).exists()
    runs = _find_runs(spans, hosts, shape[1], best_fit=best_fit)
    stray = _find_stray(runs, hosts, starts, documents["tokens"].to_pylist(), shape, best_fit)
    return None if stray is None else f"{documents['document_id'][stray]} lies in another place"


def _find_untrue_state(table: Rows, rows: Mapping[str, int]) -> str | None:
    """The first document that is in the mix and said to be left out, or the other way round; so
    with its host.
    """
    there = {PACKED: (True, True), CUT: (False, True)}
    for row in table:
        found = row["document_id"] in rows, row["host_id"] in rows
        expected = there.get(row["state"], (False, False))
        if found != expected:
            both = f"{row['document_id']} or its host {row['host_id']}"
            if found < expected:
                return f"{both} is not in the mix"
            return f"{both} is in the mix, and the state is {row['state']}"
    return None


def _find_unlisted(folder: Path, said: Rows) -> str | None:
    """The first document with tokens that a rule inserted which has no row for it."""
    treated = pq.read_table(
        folder / file_names.TREATED, columns=["document_id", "rule", "treatment"]
    )
    names = [one.name.lower() for one in INSERTED.values()]
    found = treated.filter(pc.field("treatment").isin(names)).to_pylist()
    listed = {(one["document_id"], one["rule"]) for one in said}
    for one in found:
        if (one["document_id"], one["rule"]) not in listed:
            return f"{one['document_id']} is inserted by {one['rule']}, and has no row that says so"
    return None


def _find_runs(
    spans: Rows, hosts: Mapping[int, int], length: int, *, best_fit: bool
) -> Iterator[list[Row]]:
    """Spans of one copy of a document and of those that stand in it, as far as they touch; where
    copies are cut to fit, within a sequence."""
    run, end = list[Row](), -1
    for row in spans:
        key = (hosts.get(row["document"], row["document"]), row["copy"])
        key = (*key, row["sequence"] if best_fit else 0)
        at = row["sequence"] * length + row["start"]
        if run and (at != end or key != run[0]["key"]):
            yield run
            run = []
        end = at + row["end"] - row["start"]
        run.append({**row, "key": key, "at": at, "size": end - at})
    if run:
        yield run


def _find_stray(
    runs: Iterable[list[Row]],
    hosts: Mapping[int, int],
    starts: Mapping[int, int],
    tokens: Sequence[int],
    shape: tuple[int, ...],
    best_fit: bool,
) -> int | None:
    """The first document that does not lie where it is said to, or has something in it that is not
    said to be there.
    """
    alone, whole = list[list[Row]](), Counter[tuple[int, int]]()
    seen = set[tuple[int, ...]]()
    for run in runs:
        if run[0]["key"] in seen:
            return int(run[0]["document"])
        seen.add(run[0]["key"])
        own = [row for row in run if row["document"] not in hosts]
        if not own:
            alone.append(run)
            continue
        done = own[0]["document_start"]
        for row in run:
            if row["document"] not in hosts:
                done = row["document_start"] + row["size"]
            elif starts[row["document"]] != done:
                return int(row["document"])
        whole[run[0]["key"][:2]] += sum(row["size"] for row in own)
    for run in alone:
        # A sequence may lie inside of one, and the budget may cut a copy right behind one.
        first, last = run[0], run[-1]
        end, count = last["at"] + last["size"], shape[0] * shape[1]
        cut = whole[first["key"][:2]] < tokens[first["key"][0]] and (best_fit or end == count)
        if not cut and not (best_fit and end - first["at"] == shape[1]):
            return int(first["document"])
    return None
