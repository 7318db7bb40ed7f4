"""Whether documents lie inside of others where the table of a mix says that they do."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from alignment_dagster.lineage import file_names
from alignment_dagster.mixing.boundaries import Boundary
from alignment_dagster.mixing.insertions import CUT, PACKED
from alignment_dagster.study.treatments import INSERTED

Row = dict[str, Any]
Rows = Sequence[Row]


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
    best_fit = (folder / file_names.BOUNDARIES).exists()
    name = file_names.BOUNDARIES if best_fit else file_names.SEQUENCES
    beside = np.load(folder / name, mmap_mode="r", allow_pickle=False)
    runs = _find_runs(spans, hosts, beside.shape[1], best_fit=best_fit)
    is_apart = partial(_is_piece, beside) if best_fit else partial(_is_last, beside.size)
    stray = _find_stray(runs, hosts, starts, is_apart)
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
        host = hosts.get(row["document"], row["document"])
        key = (host, row["copy"], row["sequence"] if best_fit else 0)
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
    is_apart: Callable[[int, int], bool],
) -> int | None:
    """The first document that does not lie where it is said to, or has something in it that is not
    said to be there.

    Args:
        is_apart: whether a host may be missing beside what lies between two tokens of the mix.
    """
    seen = set[tuple[int, ...]]()
    for run in runs:
        if run[0]["key"] in seen:
            return int(run[0]["document"])
        seen.add(run[0]["key"])
        own = [row for row in run if row["document"] not in hosts]
        if not own:
            if not is_apart(run[0]["at"], run[-1]["at"] + run[-1]["size"]):
                return int(run[0]["document"])
            continue
        done = own[0]["document_start"]
        for row in run:
            if row["document"] not in hosts:
                done = row["document_start"] + row["size"]
            elif starts[row["document"]] != done:
                return int(row["document"])
    return None


def _is_piece(boundaries: NDArray[np.uint8], begin: int, end: int) -> bool:
    """Whether it is all of a piece of a copy that is cut to fit."""
    flat = boundaries.reshape(-1)
    if flat[begin] != Boundary.BEGINS and (begin == 0 or flat[begin - 1] != Boundary.CLOSES):
        return False
    return end % boundaries.shape[1] == 0 or bool(flat[end] == Boundary.BEGINS)


def _is_last(tokens: int, _begin: int, end: int) -> bool:
    """Whether the budget cuts a copy right behind it."""
    return end == tokens
