"""Progress where there is no terminal (a log, a Dagster run's page): a line now and then."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from alignment_dagster.foundation.job import HELD_OUT_LOSS
from alignment_dagster.graph.progress_listener import MONEY, Advance

FIRST_SECONDS, EVERY_SECONDS = 5.0, 15.0
"""Until the first line of something that takes long, and from one to the next."""
MEASURES = {
    "loss": "loss {:.3f}",
    "tokens_per_second": "{:,.0f} tokens/s",
    "learning_rate": "learning rate {:.2g}",
    "gradient_norm": "gradient norm {:.2g}",
    "documents_per_second": "{:,.1f} documents/s",
    "in_flight": "{:.0f} under way",
    "known": "{:,.0f} known before",
    "tokens": "{:,.0f} tokens",
}
"""What is shown of what a job measures, and how."""


@dataclass
class _Followed:
    """One stage of one artifact."""

    unit: str
    begun: float
    done: int
    """What was done when it began: a resumed training does not begin with nothing."""
    next_line: float


class PlainProgress:
    """Says how far each artifact is, and how long it will take."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._followed: dict[str, _Followed] = {}

    def line(self, name: str, advance: Advance) -> str | None:
        """What to say of an artifact that is so far; None where it is too early.

        Another unit than before begins another stage.
        """
        now, done, total, unit = self._clock(), advance.done, advance.total, advance.unit
        followed = self._followed.get(name)
        if followed is None or followed.unit != unit:
            self._followed[name] = _Followed(unit, now, done, now + FIRST_SECONDS)
            return None
        if now < followed.next_line or done >= total:
            return None
        followed.next_line = now + EVERY_SECONDS
        left = _time_left(followed, done, total, now)
        return f"{name}: {done:,} of {total:,} {unit}{left}{measured(advance)}"


def measured(advance: Advance) -> str:
    """How a job goes, to stand behind how far it is; empty where nothing was measured."""
    values = advance.values
    words = [form.format(values[name]) for name, form in MEASURES.items() if name in values]
    words += [
        f"held-out {name.removeprefix(HELD_OUT_LOSS)} {value:.3f}"
        for name, value in values.items()
        if name.startswith(HELD_OUT_LOSS)
    ]
    words += [
        f"{value:,.2f} {name.removeprefix(MONEY)}"
        for name, value in values.items()
        if name.startswith(MONEY)
    ]
    return "".join(f", {word}" for word in words)


def _time_left(followed: _Followed, done: int, total: int, now: float) -> str:
    if done <= followed.done:
        return ""
    seconds = (total - done) * (now - followed.begun) / (done - followed.done)
    return f", {timedelta(seconds=round(seconds))} left"
