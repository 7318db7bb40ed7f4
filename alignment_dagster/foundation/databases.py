"""Databases that a team keeps elsewhere: one clear message where one cannot be used.

SQLAlchemy is imported where it is used: the console script starts without it.
"""

import errno
import logging
import shutil
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alignment_dagster.foundation.errors import AlignmentError
from alignment_dagster.foundation.foreign_files import open_regular

POSTGRES = "postgresql"
DRIVER = f"{POSTGRES}+psycopg2"
WAIT_SECONDS = 10
DISK = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES)
"""The disk is full, the quota is spent, or it cannot be written to (by this user)."""
FULL = 1 << 20
"""Bytes; with less left nothing can be written to a database."""
MLFLOW_LOGGER = "mlflow.store.db.utils"
"""Of MLflow's database."""
CREATING = 7_046_029_254
"""Names the lock under which MLflow's tables are created; any number that nobody else uses."""


@contextmanager
def one_error(what: str) -> Iterator[None]:
    """Say of a database why it cannot be used, without its address and password.

    Raises:
        AlignmentError: in place of what the database, its driver or Dagster raised.
    """
    logger = logging.getLogger()
    logger.addFilter(_is_no_retry)
    try:
        yield
    except Exception as error:
        reason = _reason(error)
        if reason is None:
            raise
        raise AlignmentError(f"{what} cannot be used: {reason}") from None
    finally:
        logger.removeFilter(_is_no_retry)


SQLITE_HEADER = b"SQLite format 3\0"
"""SQLite, file format, 1.3; an empty file is a database without tables."""


def require_sqlite(path: Path) -> None:
    """Refuse what lies in a database's place and is none, before anybody waits for it.

    Raises:
        AlignmentError: if it is no regular file, cannot be read, or does not begin as a database.
    """
    try:
        with open_regular(path) as file:
            begun = file.read(len(SQLITE_HEADER))
    except FileNotFoundError:
        return
    except OSError as error:
        raise AlignmentError(f"{path}: is no database: {error.strerror}") from None
    if begun and begun != SQLITE_HEADER:
        raise AlignmentError(f"{path}: is no database: it does not begin as one of SQLite")


@contextmanager
def one_disk_error(folder: Path) -> Iterator[None]:
    """Say that the disk of a folder is full or cannot be written to, whoever noticed it first.

    Raises:
        AlignmentError: in place of what a database or the system raised.
    """
    try:
        with _no_traceback_of_threads(folder), _no_traceback_of_mlflow(folder):
            yield
    except AlignmentError:
        raise
    except Exception as error:
        message = _of_disk(error, folder)
        if message is None:
            raise
        raise AlignmentError(message) from None


@contextmanager
def _no_traceback_of_threads(folder: Path) -> Iterator[None]:
    """One line of what ends a thread of Dagster's, which nobody waits for."""
    others = threading.excepthook

    def say(ended: threading.ExceptHookArgs) -> None:
        message = _of_disk(ended.exc_value, folder)
        if message is None:
            others(ended)
        else:
            print(message, file=sys.stderr)

    threading.excepthook = say
    try:
        yield
    finally:
        threading.excepthook = others


@contextmanager
def _no_traceback_of_mlflow(folder: Path) -> Iterator[None]:
    """One line of what MLflow tells of its database before it raises the same."""

    def shorten(record: logging.LogRecord) -> bool:
        message = _of_disk(record.exc_info[1], folder) if record.exc_info else None
        if message is not None:
            record.msg, record.args, record.exc_info = message, (), None
        return True

    logger = logging.getLogger(MLFLOW_LOGGER)
    logger.addFilter(shorten)
    try:
        yield
    finally:
        logger.removeFilter(shorten)


def _of_disk(error: BaseException | None, folder: Path) -> str | None:
    """What the disk of a folder has to do with an error; None of anything else."""
    if error is None:
        return None
    if isinstance(error, OSError) and error.errno in DISK:
        return f"{error.filename or folder}: {error.strerror}"
    reason = _reason(error)
    if reason is None:
        return None
    if not folder.exists():
        return f"{folder}: is gone"
    full = " (the disk is full)" if shutil.disk_usage(folder).free < FULL else ""
    return f"a database in {folder} cannot be used: {reason}{full}"


def _is_no_retry(record: logging.LogRecord) -> bool:
    """Dagster says each of its attempts; the last one's error is enough."""
    return not str(record.msg).startswith("Retrying failed database")


def _reason(error: BaseException) -> str | None:
    """What a driver, SQLAlchemy or Dagster's configuration has to say; None of anything else."""
    import dagster as dg
    from sqlalchemy.exc import DBAPIError, NoSuchModuleError, SQLAlchemyError

    while True:
        if isinstance(error, DBAPIError):
            return _line(str(error.orig))
        if isinstance(error, dg.DagsterInvalidConfigError):
            return _line("; ".join(one.message for one in error.errors))
        if isinstance(error, ModuleNotFoundError | NoSuchModuleError):
            return f"{_line(str(error))} (pip install 'alignment-dagster[postgres]', {DRIVER}://…)"
        if isinstance(error, SQLAlchemyError):
            return _line(str(error))
        if error.__cause__ is None:
            return None
        error = error.__cause__


def _line(text: str) -> str:
    return " ".join(text.split())


@contextmanager
def creation_lock(uri: str) -> Iterator[None]:
    """While MLflow opens its database, and maybe creates its tables, nobody else does.

    Two workers that create them at once would both fail. What waits here waits for seconds.

    Raises:
        AlignmentError: if the database cannot be reached; MLflow itself would try for an hour.
    """
    import sqlalchemy

    with one_error("MLflow's database"):
        engine = sqlalchemy.create_engine(uri, connect_args={"connect_timeout": WAIT_SECONDS})
        try:
            with engine.connect() as connection:
                connection.execute(sqlalchemy.select(sqlalchemy.func.pg_advisory_lock(CREATING)))
                yield
        finally:
            engine.dispose()
