"""Who watches a run in this process: the terminal's progress bars, or nobody."""

from typing import Protocol

from alignment_dagster.lineage.lake import Artifact


class Cancelled(BaseException):
    """The person who started the study asked for its end; not an error of the step."""


class Listener(Protocol):
    """Receives progress and finished artifacts; may be called from several threads."""

    def progress(
        self, asset: str, partition: str | None, done: int, total: int, unit: str
    ) -> None: ...

    def finished(
        self, asset: str, partition: str | None, artifact: Artifact, *, reused: bool
    ) -> None: ...

    def cancelled(self) -> bool: ...


class _Nobody:
    def progress(
        self, asset: str, partition: str | None, done: int, total: int, unit: str
    ) -> None: ...

    def finished(
        self, asset: str, partition: str | None, artifact: Artifact, *, reused: bool
    ) -> None: ...

    def cancelled(self) -> bool:
        return False


_listener: Listener = _Nobody()


def listen(listener: Listener) -> None:
    """From now on this process's runs report to `listener`."""
    global _listener
    _listener = listener


def tell(asset: str, partition: str | None, done: int, total: int, unit: str) -> None:
    """Report progress.

    Raises:
        Cancelled: if the listener wants the run to end.
    """
    check()
    _listener.progress(asset, partition, done, total, unit)


def check() -> None:
    """End the run if the listener wants that.

    Raises:
        Cancelled: if so.
    """
    if _listener.cancelled():
        raise Cancelled


def finished(asset: str, partition: str | None, artifact: Artifact, *, reused: bool) -> None:
    """Report an artifact that is now current."""
    _listener.finished(asset, partition, artifact, reused=reused)
