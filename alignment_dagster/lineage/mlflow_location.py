"""Where MLflow keeps the files of runs, and what its database says of it after a home was moved."""

from urllib.parse import urlsplit

from alignment_dagster.foundation.home import Home
from alignment_dagster.lineage.object_store import configured_store

FILE = "file:"
MOVED = {
    "experiments": "artifact_location",
    "runs": "artifact_uri",
    "logged_models": "artifact_location",
}
"""Table → column with the address of a file or folder."""


def artifact_location(home: Home, study: str) -> str | None:
    """The folder of a study: beside a shared lake, else in the home; None leaves it to a server."""
    if urlsplit(home.mlflow_uri).scheme in ("http", "https"):
        return None
    store = configured_store()
    if store is not None:
        return f"{store.address}mlflow/{study}"
    return (home.mlflow_artifacts / study).as_uri()


def follow_home(home: Home, study: str, before: str) -> None:
    """Let MLflow's database name the folder where it lies now.

    MLflow writes the whole path into it, so that a home which was restored elsewhere would go on
    writing to the place that it came from.

    Args:
        before: what the database says of the study.
    """
    import sqlalchemy  # takes a while to import

    now = artifact_location(home, study)
    if now in (None, before) or not before.startswith(FILE) or not str(now).startswith(FILE):
        return
    engine = sqlalchemy.create_engine(home.mlflow_uri)
    given = {"before": before, "now": now, "length": len(before), "rest": len(before) + 1}
    try:
        with engine.begin() as connection:
            for table, column in MOVED.items():
                # The names are those of `MOVED`; the addresses are bound.
                statement = (
                    f"update {table} set {column} = :now || substr({column}, :rest) "
                    f"where substr({column}, 1, :length) = :before"
                )
                connection.execute(sqlalchemy.text(statement), given)
    finally:
        engine.dispose()
