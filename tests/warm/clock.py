"""A clock that is set back while a command runs: Python's clocks, in that process alone."""

import datetime
import os
import sys
import time
from typing import Any

SECONDS = "WARM_CLOCK_SET_BACK"
"""Variable of the environment: after how many seconds, and by how many, as `2:3600`."""


def set_back() -> None:
    """Set the clock back in this process if the environment says so."""
    if SECONDS not in os.environ:
        return
    after, by = (float(part) for part in os.environ[SECONDS].split(":"))
    real, start = time.time, time.monotonic()

    def now() -> float:
        return real() - (by if time.monotonic() - start >= after else 0.0)

    class Clock(datetime.datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime.datetime:
            return datetime.datetime.fromtimestamp(now(), tz)

        @classmethod
        def utcnow(cls) -> datetime.datetime:
            return datetime.datetime.fromtimestamp(now(), datetime.UTC).replace(tzinfo=None)

    real_datetime = datetime.datetime
    time.time = now
    for module in list(sys.modules.values()):
        name = getattr(module, "__name__", "")
        if (
            name.startswith("alignment_dagster")
            and module.__dict__.get("datetime") is real_datetime
        ):
            setattr(module, "datetime", Clock)  # noqa: B010
