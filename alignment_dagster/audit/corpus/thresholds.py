"""What share of documents and characters each bound of a score would drop, by source."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

from alignment_dagster.audit.corpus.current import Corpus
from alignment_dagster.audit.ledgers import fetch_rows
from alignment_dagster.audit.trace.parquet import Connection, Row
from alignment_dagster.foundation.errors import ArtifactError
from alignment_dagster.lineage import file_names
from alignment_dagster.lineage.archive import similar
from alignment_dagster.lineage.lake import Artifact
from alignment_dagster.lineage.shards import shard_paths
from alignment_dagster.study.conditions import METADATA

PLACES = (*(number / 20 for number in range(21)), 0.01, 0.99)
"""Of the sorted scores: where the bounds of a curve are taken from."""
SCORED = """
with scored as ({scores}),
raw as (select document_id, characters from read_parquet(?)),
bounds as (select unnest(?::double[]) as bound)
select
    bounds.bound, coalesce(scored.score = bounds.bound, false) as at_bound,
    count(*) as documents, sum(raw.characters)::bigint as characters
from scored
join raw using (document_id)
asof left join bounds on scored.score >= bounds.bound
where scored.score is not null and not isnan(scored.score)
group by all
"""
OF_METADATA = 'select document_id, number as score from read_parquet(?) where "column" = ?'


@dataclass(frozen=True)
class Dropped:
    """What one bound would drop: documents and characters strictly above, and strictly below."""

    bound: float
    documents_above: int
    documents_below: int
    characters_above: int
    characters_below: int


@dataclass(frozen=True)
class Curve:
    """A score's bounds over some documents: those of a source, or of all."""

    source: str | None
    group: str | None
    documents: int
    """Those that have the score."""
    characters: int
    points: list[Dropped]


def require_column(corpus: Corpus, name: str) -> str:
    """The name of a number that a rule may bound.

    Raises:
        ArtifactError: if there is none, or it is a text; names near ones.
    """
    if name not in corpus.numbers:
        near = similar(name, corpus.numbers)
        raise ArtifactError(f"no number is called {name!r} (near: {near})")
    return name


def select_scores(artifact: Artifact, name: str) -> tuple[str, list[object]]:
    """A query of `document_id` and `score` over one artifact, and its values.

    Args:
        artifact: of `scored_corpus`, or of `raw_corpus` where the column is metadata.
        name: `scorer.column`, one of the corpus's `numbers`.
    """
    if name.startswith(f"{METADATA}."):
        column = name.removeprefix(f"{METADATA}.")
        return OF_METADATA, [shard_paths([artifact], file_names.METADATA), column]
    scorer, _, column = name.rpartition(".")
    quoted = '"' + column.replace('"', '""') + '"'
    files = shard_paths([artifact], file_names.scores(scorer))
    return f"select document_id, {quoted}::double as score from read_parquet(?)", [files]


def holders(corpus: Corpus, name: str) -> list[tuple[Artifact, Artifact]]:
    """Of each source that has the column: its documents, and the artifact that holds the column."""
    metadata = name.startswith(f"{METADATA}.")
    table = file_names.METADATA if metadata else file_names.scores(name.rpartition(".")[0])
    raw = {one.partition: one for one in corpus.raw}
    found = corpus.raw if metadata else corpus.scored
    return [(raw[one.partition], one) for one in found if shard_paths([one], table)]


def measure_curves(
    connection: Connection, corpus: Corpus, name: str, declared: Sequence[float] = ()
) -> list[Curve]:
    """The curve over all documents, then that of each source.

    Args:
        connection: any.
        corpus: with scores.
        name: one of the corpus's `numbers`.
        declared: bounds that rules have; they are among the points.
    """
    held = holders(corpus, name)
    bounds = _choose_bounds(connection, [one for _, one in held], name, declared)
    counts = {raw.partition or "": _count(connection, raw, one, name, bounds) for raw, one in held}
    every = [row for rows in counts.values() for row in rows]
    return [
        _curve(None, None, bounds, every),
        *(
            _curve(source, corpus.groups[source], bounds, rows)
            for source, rows in counts.items()
            if rows
        ),
    ]


def _choose_bounds(
    connection: Connection, found: Sequence[Artifact], name: str, declared: Sequence[float]
) -> list[float]:
    """Values at even places among the sorted scores, and what is declared; each once."""
    parts = [select_scores(one, name) for one in found]
    if not parts:
        return sorted(declared)
    (row,) = fetch_rows(
        connection,
        "select quantile_disc(score, ?::double[]) as bounds from ("
        + " union all ".join(f"({sql})" for sql, _ in parts)
        + ") where score is not null and not isnan(score)",
        sorted(PLACES),
        *(value for _, values in parts for value in values),
    )
    return sorted({*declared, *(row["bounds"] or ())})


def _count(
    connection: Connection, raw: Artifact, scored: Artifact, name: str, bounds: Sequence[float]
) -> list[Row]:
    """Documents by the highest bound that their score reaches."""
    scores, values = select_scores(scored, name)
    documents = shard_paths([raw], file_names.RAW_DOCUMENTS)
    return fetch_rows(connection, SCORED.format(scores=scores), *values, documents, list(bounds))


def _curve(
    source: str | None, group: str | None, bounds: Sequence[float], rows: Sequence[Row]
) -> Curve:
    documents, characters = _Counts(bounds, rows, "documents"), _Counts(bounds, rows, "characters")
    points = [
        Dropped(
            bound,
            documents.above[place],
            documents.below[place],
            characters.above[place],
            characters.below[place],
        )
        for place, bound in enumerate(bounds)
    ]
    return Curve(source, group, documents.all, characters.all, points)


class _Counts:
    """Of each bound, how much lies above and below it."""

    def __init__(self, bounds: Sequence[float], rows: Sequence[Row], what: str) -> None:
        reached = dict.fromkeys(bounds, 0)
        equal = dict.fromkeys(bounds, 0)
        self.all = sum(row[what] for row in rows)
        for row in rows:
            if row["bound"] is not None:
                reached[row["bound"]] += row[what]
                equal[row["bound"]] += row[what] if row["at_bound"] else 0
        at_least = [*accumulate(reached[bound] for bound in reversed(bounds))][::-1]
        self.above = [most - equal[bound] for bound, most in zip(bounds, at_least, strict=True)]
        self.below = [self.all - most for most in at_least]


def curve_as_json(curve: Curve) -> Mapping[str, object]:
    """A curve with its shares."""
    return {
        "source": curve.source,
        "group": curve.group,
        "documents": curve.documents,
        "characters": curve.characters,
        "points": [
            {**vars(one), **{f"share_{name}": share(curve, one, name) for name in SHARES}}
            for one in curve.points
        ],
    }


SHARES = ("documents_above", "documents_below", "characters_above", "characters_below")


def share(curve: Curve, one: Dropped, name: str) -> float:
    """Of a curve's documents or characters, one of `SHARES` at a point."""
    total = curve.documents if name.startswith("documents") else curve.characters
    return float(getattr(one, name)) / max(1, total)
