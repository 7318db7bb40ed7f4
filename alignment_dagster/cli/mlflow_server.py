"""MLflow as `alignment ui` starts it: what `mlflow server` is, behind the guard.

python -m alignment_dagster.cli.mlflow_server
"""

import contextlib
import os
import uuid

from mlflow import environment_variables
from mlflow.server import constants, handlers

from alignment_dagster.foundation.home import Home
from alignment_dagster.foundation.local_server import local_server
from alignment_dagster.foundation.page_links import MLFLOW_PORT

ARTIFACTS = "mlflow-artifacts:/"
"""Where runs that a client starts keep their files: with this server."""


def main() -> None:
    """Serve until SIGINT or SIGTERM."""
    home = Home.from_environment()
    # How `mlflow server` tells its workers. Not arguments: everyone on the machine sees those,
    # and the database's address may hold a password.
    os.environ |= {
        constants.BACKEND_STORE_URI_ENV_VAR: home.mlflow_uri,
        constants.REGISTRY_STORE_URI_ENV_VAR: home.mlflow_uri,
        constants.ARTIFACT_ROOT_ENV_VAR: ARTIFACTS,
        constants.ARTIFACTS_DESTINATION_ENV_VAR: home.mlflow_artifacts.as_uri(),
        constants.SERVE_ARTIFACTS_ENV_VAR: "true",
        environment_variables.MLFLOW_SERVER_ENABLE_JOB_EXECUTION.name: "false",
        # By these MLflow knows that it is a server, which runs no code that a client sent.
        environment_variables._MLFLOW_SERVER_BOOT_ID.name: uuid.uuid4().hex,
        environment_variables._MLFLOW_IN_JOB_EXECUTOR.name: "false",
    }
    handlers.initialize_backend_stores(home.mlflow_uri, home.mlflow_uri, ARTIFACTS)
    # Made as it is imported, by what the environment says then.
    from mlflow.server.fastapi_app import app

    with contextlib.suppress(KeyboardInterrupt):
        local_server(app, MLFLOW_PORT).run()


if __name__ == "__main__":
    main()
