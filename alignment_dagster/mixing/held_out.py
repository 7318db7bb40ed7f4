"""Held-out documents beside a mix, so that whoever trains on it can measure the loss on them."""

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

HELD_OUT = pa.schema([("document_id", pa.string()), ("source", pa.string()), ("text", pa.string())])


def write_held_out(dispositions: Path, documents: Sequence[Path], limit: int, path: Path) -> None:
    """Write at most `limit` of each source (`HELD_OUT`), in the order of sources and ids.

    Those with the smallest ids, which are hashes, hence a sample; no texts that are like them.
    """
    aside = (pc.field("rule") == "held_out") & pc.field("cause").is_null()
    found = pq.read_table(dispositions, columns=["document_id", "source"], filters=aside)
    by_source: dict[str, list[str]] = {}
    for row in found.sort_by([("source", "ascending"), ("document_id", "ascending")]).to_pylist():
        by_source.setdefault(row["source"], []).append(row["document_id"])
    ids = [one for own in by_source.values() for one in own[:limit]]
    wanted = pc.field("document_id").isin(pa.array(ids, pa.string()))
    tables = [pq.read_table(one, columns=HELD_OUT.names, filters=wanted) for one in documents]
    table = pa.concat_tables([HELD_OUT.empty_table(), *(one.cast(HELD_OUT) for one in tables)])
    pq.write_table(table.sort_by([("source", "ascending"), ("document_id", "ascending")]), path)
