"""What Dagster and MLflow prepare anew for each opening of a database, kept by a process.

Dagster opens one for each event it stores: the engine of SQLAlchemy is made, and statements are
compiled, every time. Whoever makes or opens a home's databases reads all of their revisions, of
which each is a module. Connections are opened and closed as before.
"""

from functools import lru_cache
from typing import Any

from alembic.config import Config
from alembic.script import ScriptDirectory
from dagster._core.storage.event_log.sqlite import sqlite_event_log
from dagster._core.storage.runs.sqlite import sqlite_run_storage
from dagster._core.storage.schedules.sqlite import sqlite_schedule_storage
from sqlalchemy import create_engine
from sqlalchemy.engine import Engine

ENGINES = 64
_read = ScriptDirectory.from_config
_revisions: dict[str | None, ScriptDirectory] = {}


def keep() -> None:
    """Let this process, and those it forks, keep engines and revisions."""
    directory: Any = ScriptDirectory
    directory.from_config = _from_config
    storages: tuple[Any, ...] = (sqlite_event_log, sqlite_run_storage, sqlite_schedule_storage)
    for storage in storages:
        storage.create_engine = _engine


def _from_config(config: Config) -> ScriptDirectory:
    place = config.get_main_option("script_location")
    if place not in _revisions:
        _revisions[place] = _read(config)
    return _revisions[place]


def _engine(url: str, poolclass: Any, connect_args: dict[str, Any] | None = None) -> Engine:
    return _made(url, poolclass, tuple((connect_args or {}).items()))


@lru_cache(ENGINES)
def _made(url: str, poolclass: Any, connect_args: tuple[tuple[str, Any], ...]) -> Engine:
    return create_engine(url, poolclass=poolclass, connect_args=dict(connect_args))
