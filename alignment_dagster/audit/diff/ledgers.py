"""The ledgers of both sides in one DuckDB: schemas `before` and `after`."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import duckdb
import pyarrow as pa

from alignment_dagster import chain
from alignment_dagster.audit.diff.side import OWN, Side
from alignment_dagster.audit.ledgers import build_selects, connect, unreadable
from alignment_dagster.foundation.sql_literals import quote_literal
from alignment_dagster.lineage.archive import Archive
from alignment_dagster.lineage.lake import Artifact

VIEWS_READ = ("texts", "scores", chain.DISPOSITIONS, "mixes", "questions")
SCHEMAS = ("before", "after")
DAMAGED = (duckdb.IOException, duckdb.InvalidInputException, pa.ArrowInvalid, OSError)
"""What reading a file that was removed or altered raises, also while the ledgers are in use."""


@contextmanager
def connect_sides(before: Side, after: Side) -> Iterator[duckdb.DuckDBPyConnection]:
    """Both sides' ledgers as views; each asset and partition by its artifact nearest to the roots.

    Where recipes are compared, both are called `(recipe)`.

    Raises:
        ArtifactError: if a file of an artifact is missing, or is no Parquet file any more.
    """
    sides = [([*side.distinct(), side.report], side.recipe) for side in (before, after)]
    with connect_artifacts(before.archive, sides) as connection:
        yield connection


@contextmanager
def connect_artifacts(
    archive: Archive, sides: Sequence[tuple[Sequence[Artifact], str | None]]
) -> Iterator[duckdb.DuckDBPyConnection]:
    """The same of the artifacts of two sides, each with the recipe that is compared, or None.

    Raises:
        ArtifactError: as `connect_sides`.
    """
    with connect(archive, ()) as connection:
        try:
            for schema, (artifacts, recipe) in zip(SCHEMAS, sides, strict=True):
                found = build_selects(artifacts)
                connection.execute(f"create schema {schema}")
                for view in VIEWS_READ:
                    body = _select_own(found[view], view, recipe)
                    connection.execute(f"create view {schema}.{view} as {body}")
            yield connection
        except DAMAGED as error:
            raise unreadable(error) from None


def list_shared_recipes(before: Side, after: Side) -> Sequence[str]:
    """The recipes of which both sides have a mix."""
    mixes = [
        [side.key(one)[1] or "" for one in side.all(chain.CURATED_MIX)] for side in (before, after)
    ]
    return [recipe for recipe in mixes[0] if recipe in mixes[1]]


def _select_own(body: str, view: str, recipe: str | None) -> str:
    """Of a view with recipes the compared one alone, under the name that both share."""
    if recipe is None or view not in (chain.DISPOSITIONS, "mixes"):
        return body
    return (
        f"select * replace ({quote_literal(OWN)} as recipe) from ({body}) where recipe = "
        f"{quote_literal(recipe)}"
    )
