"""What is withdrawn: documents by id or by what wrote them, whole sources, a list of ids in a file.

What was rewritten from a withdrawn document goes with it: its prompt held that document word for
word, and its source, made anew, does not have it any more.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from alignment_dagster import chain
from alignment_dagster.audit.impact.written import (
    WrittenBy,
    find_writers,
    load_written,
    names_writer,
    select_written_by,
    withdraw_rewritten,
)
from alignment_dagster.audit.ledgers import fetch_rows
from alignment_dagster.audit.raw_rows import select_raw_rows
from alignment_dagster.audit.trace.documents import find_neighbours
from alignment_dagster.audit.trace.parquet import Connection
from alignment_dagster.foundation.errors import ArtifactError
from alignment_dagster.lineage import file_names
from alignment_dagster.lineage.archive import Archive, similar
from alignment_dagster.lineage.lake import Artifact
from alignment_dagster.lineage.shards import shard_paths

SOURCE = "source:"
MIN_CHARACTERS = 8
"""Characters of an id that a person must give."""
MAX_SHOWN = 8
ID_CHARACTERS = 64
ALIKE = 0.8
"""How like a source's name something is that is taken for one."""


@dataclass(frozen=True)
class Withdrawal:
    """What is to be taken away; the table `withdrawn` holds the same, with whole sources' ids."""

    documents: tuple[str, ...]
    """Ids that were named one by one."""
    sources: tuple[str, ...]
    written: tuple[WrittenBy, ...]
    """What wrote documents that are all withdrawn."""
    rewritten: Mapping[str, str]
    """Of the documents that go because they were rewritten from one of these: id → that one's."""
    count: int
    """All documents, over everything that the lake holds."""


def resolve_withdrawal(
    connection: Connection, archive: Archive, names: Sequence[str], listed: Path | None
) -> Withdrawal:
    """Find what a person named, and hold it: `withdrawn (document_id)`, and its raw rows.

    The table `raw_rows` has each of them as often as raw corpora hold it: the corpus (`artifact`),
    `document_id`, `source`, `path`, `line`, `occurrences`, `repeated_at`.

    Raises:
        ArtifactError: if something named is unknown or ambiguous; a list's line by file and line.
    """
    corpora = [one for one in archive.with_files() if one.asset == chain.RAW_CORPUS]
    sources = tuple(dict.fromkeys(_find_sources(names, corpora)))
    writers = [name for name in names if names_writer(name)]
    wanted = {name: name for name in names if not (name.startswith(SOURCE) or names_writer(name))}
    if listed is not None:
        wanted |= {name: f"{listed}:{line}" for line, name in _read_lines(listed)}
    if not (sources or wanted or writers):
        raise ArtifactError(
            "nothing is withdrawn: name documents, source:NAME, prompt:NAME, model:NAME, "
            "generator:KIND, or a --list"
        )
    load_written(connection, corpora)
    written = find_writers(connection, writers)
    _refuse_bare_sources(wanted, corpora)
    ids = _find_ids(connection, corpora, wanted)
    connection.execute(
        "create or replace temp table withdrawn as select distinct document_id "
        "from read_parquet(?) where list_contains(?::varchar[], document_id) "
        "or list_contains(?::varchar[], source) "
        + " ".join(f"union {select_written_by(one)}" for one in written),
        [
            shard_paths(corpora, file_names.RAW_DOCUMENTS),
            list(ids),
            list(sources),
            *(one.name for one in written),
        ],
    )
    rewritten = withdraw_rewritten(connection)
    connection.execute(
        "create or replace temp table raw_rows as select artifact, document_id, source, path, "
        f"line, occurrences, repeated_at from ({select_raw_rows(corpora)}) "
        "where document_id in (select document_id from withdrawn)"
    )
    count = fetch_rows(connection, "select count(*) as count from withdrawn")[0]["count"]
    return Withdrawal(ids, sources, written, rewritten, count)


def _find_sources(names: Sequence[str], corpora: Sequence[Artifact]) -> Iterator[str]:
    known = sorted({one.partition or "" for one in corpora})
    for name in names:
        if name.startswith(SOURCE):
            source = name.removeprefix(SOURCE)
            if source not in known:
                raise ArtifactError(
                    f"there is no source {source!r} (near: {similar(source, known)})"
                )
            yield source


def _refuse_bare_sources(wanted: Mapping[str, str], corpora: Sequence[Artifact]) -> None:
    """What looks like a source's name is no id of a document: say how a source is named."""
    known = sorted({one.partition or "" for one in corpora})
    for name, place in wanted.items():
        for source in get_close_matches(name, known, 1, ALIKE):
            said = f"{place}: " if place != name else ""
            message = f"there is no document {name!r}; a source is withdrawn as {SOURCE}{source}"
            raise ArtifactError(said + message)


def _read_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Number and content of each line that is not empty."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ArtifactError(f"{path}: cannot be read ({error})") from None
    for number, line in enumerate(lines, 1):
        if line.strip():
            yield number, line.strip()


def _find_ids(
    connection: Connection, corpora: Sequence[Artifact], wanted: Mapping[str, str]
) -> tuple[str, ...]:
    """The full ids; all that cannot be found are named in one error, each with its place."""
    found = _find_by_prefix(connection, corpora, wanted)
    wrong = []
    for name, place in wanted.items():
        said = f"{place}: " if place != name else ""
        if len(name) < MIN_CHARACTERS:
            wrong.append(f"{said}{name!r}: give at least {MIN_CHARACTERS} characters of an id")
        elif len(found.get(name, ())) > 1:
            wrong.append(f"{said}{name!r}: {len(found[name])} documents begin so")
        elif name not in found:
            next_to = ", ".join(one for one in find_neighbours(connection, corpora, name))
            wrong.append(f"{said}there is no document {name!r} (near: {next_to or 'none'})")
        if len(wrong) == MAX_SHOWN:
            break
    if wrong:
        raise ArtifactError("; ".join(wrong))
    return tuple(dict.fromkeys(found[name][0] for name in wanted))


def _find_by_prefix(
    connection: Connection, corpora: Sequence[Artifact], wanted: Mapping[str, str]
) -> dict[str, list[str]]:
    """Name → the ids that begin so: one scan of the ids for each length of names."""
    found: dict[str, list[str]] = {}
    for length in sorted(
        {len(name) for name in wanted if MIN_CHARACTERS <= len(name) <= ID_CHARACTERS}
    ):
        names = [name for name in wanted if len(name) == length]
        start = "document_id" if length == ID_CHARACTERS else f"left(document_id, {length})"
        for row in fetch_rows(
            connection,
            f"select distinct {start} as name, document_id from read_parquet(?) "
            f"where {start} in (select unnest(?::varchar[]))",
            shard_paths(corpora, file_names.RAW_DOCUMENTS),
            names,
        ):
            found.setdefault(row["name"], []).append(row["document_id"])
    return found
