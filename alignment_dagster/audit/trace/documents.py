"""Documents by their ids: where the raw row stands, what it scored, and what was decided of it."""

from collections.abc import Sequence
from pathlib import Path

from alignment_dagster.audit.ledgers import fetch_rows
from alignment_dagster.audit.raw_rows import select_raw_rows
from alignment_dagster.audit.trace.chain import Chain
from alignment_dagster.audit.trace.parquet import Connection, Row
from alignment_dagster.chain import CLASSIFIER, DISPOSITIONS, RAW_CORPUS, SCORED_CORPUS
from alignment_dagster.foundation.errors import ArtifactError
from alignment_dagster.lineage import file_names
from alignment_dagster.lineage.lake import Artifact, label
from alignment_dagster.lineage.shards import scorer_tables, shard_paths

SHORTEST = 4
"""Characters of an id that a person must give."""
NEAR = 5
IS_LISTED = "document_id in (select unnest(?::varchar[]))"


def find_heaviest(connection: Connection, chain: Chain, mix: Artifact, top: int) -> list[Row]:
    """The documents with the most tokens in a mix, with all that is known of each."""
    path = str(mix.path / file_names.DOCUMENTS)
    # Rows are in the order of ids; only the one column is read in full.
    chosen = fetch_rows(
        connection,
        "select file_row_number as row from read_parquet(?, file_row_number = true) "
        "order by packed_tokens desc, file_row_number limit ?",
        path,
        top,
    )
    found = fetch_rows(
        connection,
        'select file_row_number as row, document_id, source, "group", tokens, copies, '
        "packed_tokens from read_parquet(?, file_row_number = true) "
        "where file_row_number in (select unnest(?::bigint[])) "
        "order by packed_tokens desc, file_row_number",
        path,
        [row["row"] for row in chosen],
    )
    ids = [row["document_id"] for row in found]
    parts = fetch_rows(
        connection,
        'select document as row, count(distinct "sequence") as sequences from read_parquet(?) '
        "where document in (select unnest(?::integer[])) group by document",
        str(mix.path / file_names.SPANS),
        [row["row"] for row in found],
    )
    sequences = {row["row"]: row["sequences"] for row in parts}
    known = describe_documents(connection, chain, ids)
    return [
        {**row, "sequences": sequences.get(row["row"], 0), **known[row["document_id"]]}
        for row in found
    ]


def describe_documents(
    connection: Connection, chain: Chain, ids: Sequence[str], known: Sequence[Artifact] = ()
) -> dict[str, Row]:
    """For each id: `raw` (path, line, repeats), `scores`, `classifiers`, `dispositions` by use.

    Args:
        known: where to look for raw rows and scores; else in what lies behind the metric.
    """
    behind = list(known or chain.artifacts)
    corpora = [one for one in behind if one.asset == RAW_CORPUS]
    raw = {row["document_id"]: row for row in find_raw_rows(connection, corpora, ids)}
    sources = {row["source"] for row in raw.values()}
    scored = [one for one in behind if one.asset == SCORED_CORPUS and one.partition in sources]
    scores = find_scores(connection, scored, ids)
    classifiers = find_classifiers(connection, scored, behind, ids)
    decided = find_decisions(connection, list_disposition_files(chain), ids)
    return {
        one: {
            "raw": raw.get(one),
            "scores": scores.get(one, {}),
            "classifiers": classifiers.get(one, []),
            DISPOSITIONS: decided.get(one, []),
        }
        for one in ids
    }


def find_raw_rows(
    connection: Connection, corpora: Sequence[Artifact], ids: Sequence[str]
) -> list[Row]:
    """Where documents were read, and every other place where the same row stood; no texts."""
    if not corpora or not ids:
        return []
    return fetch_rows(
        connection,
        "select distinct on (document_id) document_id, source, path, line, external_id, "
        f"occurrences, repeated_at, characters from ({select_raw_rows(corpora)}) "
        f"where {IS_LISTED}",
        list(ids),
    )


def find_scores(
    connection: Connection, scored: Sequence[Artifact], ids: Sequence[str]
) -> dict[str, dict[str, float | str | None]]:
    """Document → `scorer.column` → score."""
    found: dict[str, dict[str, float | str | None]] = {}
    files = [
        (shard_paths([artifact], scorer), scorer)
        for artifact in scored
        for scorer in scorer_tables(artifact.manifest)
    ]
    for paths, scorer in files:
        name = file_names.scorer_of(scorer)
        for row in fetch_rows(
            connection, f"select * from read_parquet(?) where {IS_LISTED}", paths, list(ids)
        ):
            document = str(row.pop("document_id"))
            found.setdefault(document, {}).update(
                {f"{name}.{column}": value for column, value in row.items()}
            )
    return found


def find_classifiers(
    connection: Connection,
    scored: Sequence[Artifact],
    behind: Sequence[Artifact],
    ids: Sequence[str],
) -> dict[str, list[Row]]:
    """Document → the classifiers that scored its source, and what each learnt from.

    Each row has `classifier` and `learnt_from` (labels of artifacts), and `use`, None where the
    document is of none of its sources.
    """
    known = {one.key: one for one in behind}
    asked = {
        parent.key: known[parent.key]
        for artifact in scored
        for parent in artifact.provenance.inputs.parents
        if parent.asset == CLASSIFIER and parent.key in known
    }
    found: dict[str, list[Row]] = {}
    for classifier in asked.values():
        uses = fetch_rows(
            connection,
            f"select document_id, use from read_parquet(?) where {IS_LISTED}",
            str(classifier.path / file_names.EXAMPLES),
            list(ids),
        )
        by_id = {row["document_id"]: row["use"] for row in uses}
        sources = classifier.provenance.inputs.parents
        learnt = [label(one.asset, one.partition, one.version) for one in sources]
        for one in ids:
            row = {"classifier": classifier.label, "learnt_from": learnt, "use": by_id.get(one)}
            found.setdefault(one, []).append(row)
    return found


def list_disposition_files(chain: Chain) -> list[str]:
    """All files in which something was decided about a document that the chain could have read."""
    files = {
        str(path)
        for replicate in chain.replicates
        for ledger in replicate.ledgers
        for path in ledger.dispositions
    }
    return sorted(files)


def find_decisions(
    connection: Connection, files: Sequence[str | Path], ids: Sequence[str]
) -> dict[str, list[Row]]:
    """Document → what was decided of it; each decision once."""
    if not files or not ids:
        return {}
    found = fetch_rows(
        connection,
        "select distinct document_id, use, state, rule, value, cause, weight "
        f"from read_parquet(?) where {IS_LISTED} order by use",
        [str(file) for file in files],
        list(ids),
    )
    decided: dict[str, list[Row]] = {}
    for row in found:
        decided.setdefault(str(row.pop("document_id")), []).append(row)
    return decided


def find_document(connection: Connection, corpora: Sequence[Artifact], name: str) -> str:
    """The id of the one document that begins with `name`.

    Raises:
        ArtifactError: if none or several do; names those next to it in the order of ids.
    """
    found = find_by_prefix(connection, corpora, name)
    if len(found) == 1 and len(name) >= SHORTEST:
        return found[0]
    if found:
        count = f"more than {NEAR}" if len(found) > NEAR else str(len(found))
        shown = ", ".join(one[:16] for one in found[:NEAR])
        raise ArtifactError(f"document {name!r}: too short: {count} begin so: {shown}")
    near = ", ".join(find_neighbours(connection, corpora, name)) or "none"
    raise ArtifactError(f"there is no document {name!r} (near: {near})")


def find_by_prefix(connection: Connection, corpora: Sequence[Artifact], name: str) -> list[str]:
    """At most a few ids that begin so."""
    if not corpora:
        return []
    found = fetch_rows(
        connection,
        "select distinct document_id from read_parquet(?) "
        "where document_id >= ? and document_id < ? order by document_id limit ?",
        shard_paths(corpora, file_names.RAW_DOCUMENTS),
        name,
        name + "~",
        NEAR + 1,
    )
    return [str(row["document_id"]) for row in found]


def find_neighbours(connection: Connection, corpora: Sequence[Artifact], name: str) -> list[str]:
    """The ids before and after a name: those that begin most alike are among them."""
    if not corpora:
        return []
    found = fetch_rows(
        connection,
        "select max(document_id) filter (document_id < ?) as before, "
        "min(document_id) filter (document_id > ?) as after from read_parquet(?)",
        name,
        name,
        shard_paths(corpora, file_names.RAW_DOCUMENTS),
    )[0]
    return [str(one) for one in found.values() if one]
