"""`alignment corpus quarantine`: the rows that cannot be used, why, and how many are allowed."""

from dataclasses import asdict, dataclass

from alignment_dagster import chain
from alignment_dagster.audit.answer import Answer, Table
from alignment_dagster.audit.corpus.current import current_artifacts
from alignment_dagster.audit.ledgers import fetch_rows
from alignment_dagster.audit.trace.parquet import Connection, Row, connect_memory
from alignment_dagster.foundation.errors import ArtifactError
from alignment_dagster.lineage import file_names
from alignment_dagster.lineage.archive import Archive, similar
from alignment_dagster.lineage.lake import Artifact
from alignment_dagster.lineage.shards import shard_paths

FIELD = "max_quarantined_share"
SHOWN = 40
"""Rows."""


@dataclass(frozen=True)
class ReadRows:
    """The rows of a source, each in one of three places."""

    source: str
    artifact: str
    documents: int
    repeated: int
    quarantined: int
    share: float
    """Of its rows that are quarantined."""
    allowed: float

    @property
    def refused(self) -> bool:
        """Whether more are than the source allows: nothing is made from it then."""
        return self.share > self.allowed


def count_rows(connection: Connection, corpus: Artifact) -> ReadRows:
    """The rows of a source: documents, those that repeat one, and those that cannot be used."""
    tables = (file_names.RAW_DOCUMENTS, file_names.REPEATS, file_names.QUARANTINE)
    documents, repeated, quarantined = (
        fetch_rows(
            connection, "select count(*) as rows from read_parquet(?)", shard_paths([corpus], table)
        )[0]["rows"]
        for table in tables
    )
    share = quarantined / max(1, documents + repeated + quarantined)
    allowed = float(corpus.provenance.declared.get(FIELD, 0.0))
    source = corpus.partition or ""
    return ReadRows(source, corpus.label, documents, repeated, quarantined, share, allowed)


def list_quarantined(connection: Connection, corpus: Artifact) -> list[Row]:
    """`source`, `path`, `line`, `reason` and `sha256` of each row, in the order of reading."""
    found = fetch_rows(
        connection,
        "select path, line, reason, sha256 from read_parquet(?, filename = true, "
        "file_row_number = true) order by filename, file_row_number",
        shard_paths([corpus], file_names.QUARANTINE),
    )
    return [{"source": corpus.partition, **row} for row in found]


def describe_quarantine(archive: Archive, source: str | None = None) -> Answer:
    """The quarantined rows of the sources as they were read last.

    Raises:
        ArtifactError: if no such source was read; names near ones.
    """
    read = current_artifacts(archive, chain.RAW_CORPUS)
    names = [one.partition or "" for one in read]
    if source is not None and source not in names:
        near = similar(source, names)
        raise ArtifactError(f"no source {source!r} was read (near: {near})")
    chosen = [one for one in read if source in (None, one.partition)]
    with connect_memory() as connection:
        counts = [count_rows(connection, one) for one in chosen]
        rows = [row for one in chosen for row in list_quarantined(connection, one)]
    reasons: dict[tuple[str, str], int] = {}
    for row in rows:
        key = (str(row["source"]), str(row["reason"]))
        reasons[key] = reasons.get(key, 0) + 1
    by_reason = sorted(reasons.items(), key=lambda one: (-one[1], one[0]))
    return Answer(
        f"Quarantine of {archive.study}",
        _sentences(counts),
        list(_tables(counts, by_reason, rows)) if rows else [],
        {
            "study": archive.study,
            "field": FIELD,
            "sources": [{**asdict(one), "refused": one.refused} for one in counts],
            "reasons": [
                {"source": of, "reason": reason, "rows": count} for (of, reason), count in by_reason
            ],
            "rows": rows,
        },
        "bad" if any(one.refused for one in counts) else "plain",
    )


def _sentences(counts: list[ReadRows]) -> list[str]:
    rows = sum(one.documents + one.repeated + one.quarantined for one in counts)
    quarantined = sum(one.quarantined for one in counts)
    said = [f"{quarantined:,} of {rows:,} rows of {len(counts)} sources cannot be used."]
    refused = [one for one in counts if one.refused]
    said += [
        f"{one.source}: {one.share:.3%} of its rows, {one.allowed:.3%} allowed: nothing is made "
        f"from it. Correct the rows, or set {FIELD} in assets/sources/{one.source}.yaml."
        for one in refused
    ]
    if quarantined and not refused:
        said.append(f"Each source allows that: its {FIELD} says how many.")
    return said


def _tables(
    counts: list[ReadRows], by_reason: list[tuple[tuple[str, str], int]], rows: list[Row]
) -> list[Table]:
    return [
        Table(
            "Rows by source",
            ("source", "documents", "repeated", "quarantined", "share", "allowed"),
            [
                (
                    *(one.source, one.documents, one.repeated, one.quarantined),
                    *(f"{one.share:.3%}", f"{one.allowed:.3%}"),
                )
                for one in counts
            ],
        ),
        Table(
            "Reasons",
            ("rows", "source", "reason"),
            [(count, of, reason) for (of, reason), count in by_reason],
            shown=SHOWN,
        ),
        Table(
            "Rows, as they were read",
            ("source", "place", "reason", "sha256"),
            [
                (row["source"], f"{row['path']}:{row['line']}", row["reason"], row["sha256"][:16])
                for row in rows[:SHOWN]
            ],
            max(0, len(rows) - SHOWN),
        ),
    ]
