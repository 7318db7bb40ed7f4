"""How fast an endpoint is asked: requests under way, and pauses between attempts."""

import random
import time
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

PAUSE = 1.0
"""Seconds before the second attempt, at most; doubled before each further one."""
LONGEST_PAUSE = 60.0
LONGEST_WAIT = 600.0
"""Seconds that an endpoint may ask for."""


class Window:
    """How many requests may be under way: additive increase, multiplicative decrease.

    One until the first reply, then as many as declared; half of it where the endpoint cannot keep
    up, and one more after as many answers as may be under way.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.size = 1.0
        self.is_open = False
        """Whether anything has come from the endpoint."""
        self._halved_at = -1.0
        self._closed_until = 0.0

    @property
    def seconds_closed(self) -> float:
        """Until the next request may be sent."""
        return max(0.0, self._closed_until - time.monotonic())

    def has_room(self, in_flight: int) -> bool:
        """Whether one more may be sent now."""
        return in_flight < int(self.size) and not self.seconds_closed

    def open(self) -> None:
        """The endpoint is there."""
        if not self.is_open:
            self.is_open, self.size = True, float(self.limit)

    def grow(self) -> None:
        """After an answer."""
        self.size = min(float(self.limit), self.size + 1 / self.size)

    def shrink(self, sent_at: float) -> None:
        """The endpoint cannot keep up; what was sent before the last decrease says nothing new.

        Args:
            sent_at: when the attempt began, by the monotonic clock.
        """
        if sent_at > self._halved_at:
            self._halved_at = time.monotonic()
            self.size = max(1.0, self.size / 2)

    def close(self, seconds: float) -> None:
        """Send nothing for so long."""
        self._closed_until = max(self._closed_until, time.monotonic() + seconds)


def back_off(digest: str, attempt: int) -> float:
    """Seconds after so many attempts of a request; the same for the same request."""
    longest: float = min(LONGEST_PAUSE, PAUSE * 2.0 ** (attempt - 1))
    return longest * (0.5 + random.Random(f"{digest} {attempt}").random() / 2)


def retry_after(value: str | None) -> float:
    """Seconds that a header `Retry-After` asks for (RFC 9110, 10.2.3); 0 where it says nothing."""
    if value is None:
        return 0.0
    try:
        seconds = float(value)
    except ValueError:
        try:
            until = parsedate_to_datetime(value)
        except (ValueError, IndexError, OverflowError):
            return 0.0
        if until.tzinfo is None:
            until = until.replace(tzinfo=UTC)
        seconds = (until - datetime.now(UTC)).total_seconds()
    # A NaN is smaller than nothing.
    return min(LONGEST_WAIT, seconds) if seconds > 0 else 0.0
