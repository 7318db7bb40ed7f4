"""Documents that stand in others: which, in which, before which byte of it."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from alignment_dagster.foundation.yaml_models import FieldPath
from alignment_dagster.mixing.document_scores import Column, Flags, Scores
from alignment_dagster.mixing.kept_documents import (
    KeptDocuments,
    Numbers,
    as_bytes,
    read_texts,
)
from alignment_dagster.mixing.treatment_error import refuse, refuse_missing
from alignment_dagster.study.treatments import Place

NOWHERE = -1
"""The row of a document that the recipe does not keep."""
PACKED, CUT = "packed", "cut"
HOST_NOT_PACKED, HOST_NOT_KEPT = "host_not_packed", "host_not_kept"
"""What becomes of a document that a rule inserts."""
ID = re.compile(r"[0-9a-f]{64}")
CONTINUED = 0b10
"""The first two bits of a byte of UTF-8 that begins no character."""


@dataclass(frozen=True)
class Insertions:
    """Documents that are put into others [n]; in the order of hosts, offsets and ids."""

    document: Numbers
    """Row of the kept documents."""
    host: Numbers
    """Row of the one that it stands in; `NOWHERE` where the recipe does not keep that."""
    offset: Numbers
    """Before which byte of its host's text."""
    rule: Numbers
    """Which of the recipe's treatments inserts it."""
    host_id: tuple[str, ...]

    def places(self, host: int) -> slice:
        """Where those lie that stand in a document."""
        return slice(*np.searchsorted(self.host, (host, host + 1)).tolist())

    def guests(self, hosts: Numbers) -> Numbers:
        """The rows of the documents that stand in some others."""
        return self.document[np.isin(self.host, hosts)]

    def cuts(self) -> Mapping[int, tuple[int, ...]]:
        """Host → the bytes before which something is inserted, each once, in order."""
        found: dict[int, dict[int, None]] = {}
        for host, offset in zip(self.host.tolist(), self.offset.tolist(), strict=True):
            if host != NOWHERE:
                found.setdefault(host, {})[offset] = None
        return {host: tuple(offsets) for host, offsets in found.items()}


def decide_insertions(
    kept: KeptDocuments,
    places: Mapping[int, tuple[Place, Flags]],
    scores: Mapping[Column, Scores],
    dispositions: Path,
    documents: Sequence[Path],
) -> Insertions:
    """Which documents stand where; the first treatment that inserts one decides.

    Args:
        places: treatment → its columns, and which documents it inserts [documents].
        dispositions: the recipe's; hosts that it drops are known there.
        documents: the corpora's files.

    Raises:
        TreatmentError: if a document names no host, one that there is not, that is of another
            group or inserted itself, or no byte of it that a character begins at.
    """
    if not places:
        nothing = np.empty(0, np.int64)
        return Insertions(nothing, nothing, nothing, nothing, ())
    rule = np.full(kept.ids.size, NOWHERE)
    offset = np.zeros(kept.ids.size, np.int64)
    named = np.full(kept.ids.size, None, object)
    for number, (place, held) in places.items():
        rows = np.flatnonzero(held & (rule == NOWHERE))
        field: FieldPath = ("treat", number, "at")
        host, byte = (scores[column] for column in place.columns)
        no_text = np.array([host.texts[row] is None for row in rows.tolist()], bool)
        refuse_missing(kept, rows[no_text], place.columns[0], field, "text ")
        refuse_missing(kept, rows[np.isnan(byte.numbers[rows])], place.columns[1], field, "number ")
        # Beyond 2^53 floats are no longer each a whole number of its own.
        wrong = ~((byte.numbers[rows] >= 0) & (byte.numbers[rows] < 2.0**53))
        wrong |= np.floor(byte.numbers[rows]) != byte.numbers[rows]
        refuse(kept, rows[wrong], field, f"a {place.offset} that is no place in a text")
        rule[rows], named[rows] = number, host.texts[rows]
        offset[rows] = byte.numbers[rows].astype(np.int64)
    document = np.flatnonzero(rule != NOWHERE)
    host_row = _find_hosts(kept, document, rule, named, dispositions)
    group, there = kept.group.numbers, host_row != NOWHERE
    inside = there & (rule[host_row] != NOWHERE)
    _refuse_each(kept, document[inside], rule, "host that is inserted itself")
    apart = there & (group[document] != group[host_row])
    _refuse_each(kept, document[apart], rule, "host in another group: put both into one")
    order = np.lexsort((document, offset[document], host_row))
    document, host_row = document[order], host_row[order]
    ids = tuple(named[document].tolist())
    found = Insertions(document, host_row, offset[document], rule[document], ids)
    _check_offsets(kept, found, rule, documents)
    return found


def _find_hosts(
    kept: KeptDocuments, document: Numbers, rule: Numbers, named: Numbers, dispositions: Path
) -> Numbers:
    """The row of each document's host; `NOWHERE` where it is dropped."""
    broken = np.array([ID.fullmatch(named[row]) is None for row in document.tolist()], bool)
    _refuse_each(kept, document[broken], rule, "host that is no id of a document")
    ids = as_bytes(pa.array(named[document], pa.string()))
    place = np.minimum(np.searchsorted(kept.ids, ids), kept.ids.size - 1)
    found: Numbers = np.where(kept.ids[place] == ids, place, NOWHERE)
    lost = document[found == NOWHERE]
    if lost.size:
        dropped = pq.read_table(dispositions, columns=["document_id"])["document_id"]
        known = pc.is_in(pa.array(named[lost], pa.string()), pc.unique(dropped))
        unknown = ~known.to_numpy(zero_copy_only=False)
        _refuse_each(kept, lost[unknown], rule, "host that is in no source of the recipe's groups")
    return found


def _check_offsets(
    kept: KeptDocuments, found: Insertions, rule: Numbers, documents: Sequence[Path]
) -> None:
    """Refuse what lies beyond a text, or inside a character."""
    beyond, inside = list[int](), list[int]()
    hosts = np.unique(found.host[found.host != NOWHERE])
    for host, text in read_texts(kept, hosts, documents):
        content, own = text.encode(), found.places(host)
        for row, at in zip(found.document[own].tolist(), found.offset[own].tolist(), strict=True):
            if at > len(content):
                beyond.append(row)
            elif at < len(content) and content[at] >> 6 == CONTINUED:
                inside.append(row)
    _refuse_each(kept, np.sort(beyond), rule, "place beyond the end of its host's text")
    _refuse_each(kept, np.sort(inside), rule, "place inside a character of its host's text")


def _refuse_each(kept: KeptDocuments, rows: Numbers, rule: Numbers, what: str) -> None:
    if rows.size:
        refuse(kept, rows, ("treat", int(rule[rows[0]]), "at"), f"a {what}")
