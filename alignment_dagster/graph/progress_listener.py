"""Who watches a run in this process: the terminal's progress bars, or nobody."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol

from alignment_dagster.lineage.lake import Artifact

MONEY = "money/"
"""What was paid is called so, before the currency."""


class Cancelled(BaseException):
    """The person who started the study asked for its end; not an error of the step."""


@dataclass(frozen=True)
class Advance:
    """How far an artifact is."""

    done: int
    total: int
    unit: str
    values: Mapping[str, float] = field(default_factory=dict)
    """What was measured there, by name: `loss`, `tokens_per_second`."""


class Listener(Protocol):
    """Receives progress and finished artifacts; may be called from several threads."""

    def progress(self, asset: str, partition: str | None, advance: Advance) -> None: ...

    def finished(
        self, asset: str, partition: str | None, artifact: Artifact, *, reused: bool
    ) -> None: ...

    def cancelled(self) -> bool: ...


class _Nobody:
    def progress(self, asset: str, partition: str | None, advance: Advance) -> None: ...

    def finished(
        self, asset: str, partition: str | None, artifact: Artifact, *, reused: bool
    ) -> None: ...

    def cancelled(self) -> bool:
        return False


_listener: Listener = _Nobody()


@contextmanager
def listen(listener: Listener) -> Iterator[None]:
    """Within this, this process's runs report to `listener` and end when it wants that."""
    global _listener
    before, _listener = _listener, listener
    try:
        yield
    finally:
        _listener = before


def tell(asset: str, partition: str | None, advance: Advance) -> None:
    """Report progress.

    Raises:
        Cancelled: if the listener wants the run to end.
    """
    check()
    _listener.progress(asset, partition, advance)


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
