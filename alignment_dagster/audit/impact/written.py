"""Withdrawing what a prompt, a model or a generator wrote, and what was rewritten from anything."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from alignment_dagster.audit.ledgers import fetch_rows
from alignment_dagster.audit.trace.parquet import Connection
from alignment_dagster.audit.trace.phrases import ID
from alignment_dagster.audit.written_rows import select_written
from alignment_dagster.foundation.errors import ArtifactError
from alignment_dagster.lineage.archive import similar
from alignment_dagster.lineage.lake import Artifact
from alignment_dagster.study.synthesis import WrittenColumn

PROMPT, MODEL, GENERATOR = "prompt", "model", "generator"
COLUMNS = {
    PROMPT: (WrittenColumn.FORM,),
    MODEL: (WrittenColumn.MODEL, WrittenColumn.REPORTED_MODEL),
    GENERATOR: (WrittenColumn.GENERATOR,),
}
"""What a name stands for, behind its prefix."""
DIGESTS = (WrittenColumn.PROMPT, WrittenColumn.TEMPLATE)
"""Of `prompt:`, what else a name may begin."""
MAX_SHOWN = 5
DIGEST = re.compile("[0-9a-f]{8,64}")


@dataclass(frozen=True)
class WrittenBy:
    """A prompt, a model or a generator that a person named."""

    kind: str
    """Of `COLUMNS`."""
    name: str
    """As it is recorded; of a digest all of it."""
    columns: tuple[str, ...]
    """Of `WrittenColumn`: where the name may stand."""
    forms: Mapping[str, tuple[str, ...]]
    """Source → the forms of what was written so."""

    @property
    def said(self) -> str:
        """For a sentence."""
        if self.columns[0] in DIGESTS:
            return f"what was written from the {self.columns[0]} {self.name[:ID]}"
        by = "from the prompt" if self.kind == PROMPT else f"by the {self.kind}"
        return f"what was written {by} {self.name}"


def names_writer(name: str) -> bool:
    """Whether a person names what wrote documents, and not documents."""
    return name.partition(":")[0] in COLUMNS and ":" in name


def load_written(connection: Connection, corpora: Sequence[Artifact]) -> None:
    """The table `written`: of every document that was written what it was written by and from."""
    columns = dict.fromkeys(
        (*(one for found in COLUMNS.values() for one in found), *DIGESTS, WrittenColumn.ORIGINAL)
    )
    connection.execute(
        "create or replace temp table written as select distinct document_id, source, "
        f"{', '.join(columns)} from ({select_written(corpora)})"
    )


def find_writers(connection: Connection, names: Sequence[str]) -> tuple[WrittenBy, ...]:
    """What is named, in the table `written`.

    Raises:
        ArtifactError: if something is unknown (names near ones), or several digests begin so.
    """
    return tuple(_find(connection, *name.split(":", 1)) for name in dict.fromkeys(names))


def _find(connection: Connection, kind: str, name: str) -> WrittenBy:
    columns = COLUMNS[kind]
    known = {value for column in columns for value in _values(connection, column)}
    if name in known:
        return WrittenBy(kind, name, columns, _forms(connection, columns, name))
    if kind == PROMPT and DIGEST.fullmatch(name):
        column, value = _find_digest(connection, name)
        return WrittenBy(kind, value, (column,), _forms(connection, (column,), value))
    near = similar(name, sorted(known))
    raise ArtifactError(f"no document was written by a {kind} {name!r} (near: {near})")


def _find_digest(connection: Connection, name: str) -> tuple[str, str]:
    found = [
        (column, value)
        for column in DIGESTS
        for value in _values(connection, column)
        if value.startswith(name)
    ]
    if len(found) > 1:
        shown = ", ".join(f"{column} {value[:ID]}" for column, value in found[:MAX_SHOWN])
        raise ArtifactError(f"prompt:{name}: {len(found)} digests begin so: {shown}")
    if not found:
        raise ArtifactError(f"no document was written from a prompt or template {name!r}")
    return found[0]


def _values(connection: Connection, column: str) -> list[str]:
    found = fetch_rows(
        connection, f"select distinct {column} as value from written where {column} is not null"
    )
    return [str(row["value"]) for row in found]


def _forms(connection: Connection, columns: Sequence[str], name: str) -> dict[str, tuple[str, ...]]:
    found = fetch_rows(
        connection,
        f"select source, list(distinct {WrittenColumn.FORM}) as forms from written "
        f"where ? in ({', '.join(columns)}) group by source order by source",
        name,
    )
    return {str(row["source"]): tuple(sorted(row["forms"])) for row in found}


def select_written_by(one: WrittenBy) -> str:
    """A query of `document_id`, with one value: its name."""
    return f"select document_id from written where ? in ({', '.join(one.columns)})"


def withdraw_rewritten(connection: Connection) -> dict[str, str]:
    """Add to the table `withdrawn` what was rewritten from anything in it: id → the original's."""
    original = WrittenColumn.ORIGINAL
    found = fetch_rows(
        connection,
        f"select document_id, min({original}) as original from written "
        f"where {original} in (select document_id from withdrawn) "
        "and document_id not in (select document_id from withdrawn) group by 1 order by 1",
    )
    rewritten = {str(row["document_id"]): str(row["original"]) for row in found}
    connection.execute("insert into withdrawn select unnest(?::varchar[])", [list(rewritten)])
    return rewritten
