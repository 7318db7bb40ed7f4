"""Whether a server or database that is configured can be reached; asked before anything runs."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from alignment_dagster.engines import jobs
from alignment_dagster.foundation.errors import AlignmentError
from alignment_dagster.foundation.home import (
    DAGSTER_VARIABLE,
    MLFLOW_VARIABLE,
    Home,
    dagster_configuration,
)
from alignment_dagster.foundation.placement import read_placement
from alignment_dagster.lineage.object_store import configured_store

PORTS = {"http": 80, "https": 443, "postgresql": 5432, "mysql": 3306}
TIMEOUT_SECONDS = 5.0


ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")


def require_all_reachable() -> None:
    """The databases of MLflow and Dagster, the lake's object store, and what starts jobs, where
    there are any.

    Raises:
        AlignmentError: for the first that cannot be reached, or that the environment does not name.
    """
    require_reachable(MLFLOW_VARIABLE, Home.from_environment().mlflow_uri)
    for variable, uri in dagster_databases(dagster_configuration()):
        require_reachable(variable, uri)
    if configured_store() is not None:
        for variable in ENDPOINTS:
            require_reachable(variable, os.environ.get(variable, ""))
    launcher = read_placement(Home.from_environment()).launcher
    if launcher is not None:
        jobs.require_launcher(launcher)


def dagster_databases(configuration: Path) -> Iterator[tuple[str, str]]:
    """What names each database of Dagster's configuration, and its address.

    Raises:
        AlignmentError: if the file cannot be read, or a variable that it names is not set.
    """
    try:
        content = yaml.safe_load(configuration.read_text(encoding="utf-8")) or {}
        settings = (content.get("storage") or {}).get("postgres") or {}
    except (OSError, UnicodeDecodeError, yaml.YAMLError, AttributeError) as error:
        raise AlignmentError(f"{DAGSTER_VARIABLE}: {configuration}: {error}") from None
    if "postgres_url" in settings:
        yield _setting(settings["postgres_url"], f"{configuration}: postgres_url")
    elif "postgres_db" in settings:
        found = settings["postgres_db"]
        place = f"{configuration}: postgres_db.hostname"
        variable, host = _setting(found.get("hostname", ""), place)
        port = _setting(found.get("port", PORTS["postgresql"]), place)[1]
        yield variable, f"postgresql://{host}:{port}"


def _setting(value: Any, place: str) -> tuple[str, str]:
    """What names a value of Dagster's configuration (a variable, else its place), and the value."""
    if not isinstance(value, dict):
        return place, str(value)
    variable = str(value.get("env", ""))
    found = os.environ.get(variable)
    if not found:
        raise AlignmentError(f"{place}: {variable} is not set")
    return variable, found


def require_reachable(variable: str, uri: str) -> None:
    """Open and close a connection; an address without a host (a file) needs none.

    Raises:
        AlignmentError: names the variable and the host, never what else the address holds (it may
            be a password).
    """
    try:
        parts = urlsplit(uri)
        host = parts.hostname
        port = parts.port or PORTS.get(parts.scheme.split("+")[0])
    except ValueError:
        raise AlignmentError(f"{variable}: is no address") from None
    if not host:
        return
    if port is None:
        raise AlignmentError(f"{variable}: {host}: the address names no port")
    try:
        socket.create_connection((host, port), TIMEOUT_SECONDS).close()
    except OSError as error:
        reason = error.strerror or "no answer"
        raise AlignmentError(f"{variable}: {host}:{port} cannot be reached: {reason}") from None
