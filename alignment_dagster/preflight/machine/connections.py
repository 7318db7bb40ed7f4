"""Servers and clusters that are configured: whether they answer."""

import os
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from urllib.parse import urlsplit

from alignment_dagster.engines import ray_data
from alignment_dagster.engines.tasks import ENGINE_VARIABLE
from alignment_dagster.foundation.errors import AlignmentError
from alignment_dagster.foundation.home import MLFLOW_VARIABLE, Home, dagster_configuration
from alignment_dagster.lineage.lake import FORMAT_FILE
from alignment_dagster.lineage.object_store import LAKE_VARIABLE, configured_store
from alignment_dagster.preflight.machine.finding import Finding, Verdict
from alignment_dagster.preflight.services import (
    ENDPOINTS,
    dagster_databases,
    require_reachable,
)


def examine_connections(home: Home) -> Iterator[Finding]:
    """MLflow, Dagster's database, object storage, Ray; a line for each."""
    yield _ask("MLflow", lambda: _mlflow(home))
    yield _ask("Dagster", _dagster)
    yield _ask("lake", _store)
    yield _ask("engine", lambda: _engine(home))


def _ask(subject: str, question: Callable[[], str]) -> Finding:
    try:
        return Finding(subject, Verdict.OK, question())
    except AlignmentError as error:
        return Finding(subject, Verdict.BROKEN, str(error))


def _mlflow(home: Home) -> str:
    uri = home.mlflow_uri
    require_reachable(MLFLOW_VARIABLE, uri)
    return f"answers at {_host(uri)}" if _host(uri) else "a SQLite database in the home"


def _dagster() -> str:
    found = list(dagster_databases(dagster_configuration()))
    for variable, uri in found:
        require_reachable(variable, uri)
    hosts = ", ".join(_host(uri) for _, uri in found)
    return f"Postgres answers at {hosts}" if found else "SQLite databases in the home"


def _store() -> str:
    store = configured_store()
    if store is None:
        return "in the home alone; no object storage is configured"
    for variable in ENDPOINTS:
        require_reachable(variable, os.environ.get(variable, ""))
    store.has(FORMAT_FILE)
    return f"shared with other machines in {store.address}, which answers ({LAKE_VARIABLE})"


def _engine(home: Home) -> str:
    name = os.environ.get(ENGINE_VARIABLE)
    if name is None or name == "local":
        return "processes of this machine"
    if name != ray_data.NAME:
        raise AlignmentError(f"{ENGINE_VARIABLE}: unknown engine {name!r} (known: local, ray)")
    if find_spec(ray_data.NAME) is None:
        raise AlignmentError(f"{ENGINE_VARIABLE} is ray: pip install 'alignment-dagster[ray]'")
    address = os.environ.get(ray_data.ADDRESS_VARIABLE)
    if address is None:
        return "Ray, started on this machine when it is needed"
    require_reachable(
        ray_data.ADDRESS_VARIABLE, address if "://" in address else f"ray://{address}"
    )
    return f"Ray at {address} answers; each of its machines must see {home.root} under this path"


def _host(uri: str) -> str:
    """Host and port, never what else an address holds (it may be a password)."""
    parts = urlsplit(uri)
    return f"{parts.hostname}:{parts.port}" if parts.hostname else ""
