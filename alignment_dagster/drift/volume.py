"""How much a source holds: documents and characters."""

from alignment_dagster.drift.change import Change
from alignment_dagster.drift.snapshot import Snapshot


def measure(now: Snapshot, then: Snapshot | None) -> list[Change]:
    """The relative change of documents and of characters: |now / then - 1|."""
    before = _sizes(then) if then is not None else {}
    return [_change(name, before.get(name), size) for name, size in _sizes(now).items()]


def _sizes(snapshot: Snapshot) -> dict[str, int]:
    return {"documents": snapshot.documents, "characters": snapshot.characters}


def _change(name: str, then: int | None, now: int) -> Change:
    if then is None:
        return Change("volume", name, None, float(now), None)
    # a source without one character that gets some has grown without bound; one is counted for it
    return Change("volume", name, float(then), float(now), abs(now - then) / max(1, then))
