"""Reading what MLflow has on record of a study: from its database, or else from its server."""

from urllib.parse import urlsplit

from alignment_dagster.audit.check.mlflow_database import read_database
from alignment_dagster.audit.check.mlflow_records import MlflowRecords
from alignment_dagster.audit.check.mlflow_server import read_server
from alignment_dagster.foundation.home import Home

SCHEMES = ("sqlite", "postgresql", "mysql", "mssql")
"""Of databases that are read directly; anything else is a server."""


def read_mlflow(home: Home, study: str) -> MlflowRecords:
    """Everything that MLflow has of a study; nothing is written.

    Raises:
        ArtifactError: if there is no such database, or no experiment of that name in it.
    """
    uri = home.mlflow_uri
    is_database = urlsplit(uri).scheme.split("+")[0] in SCHEMES
    return read_database(uri, study) if is_database else read_server(uri, study)
