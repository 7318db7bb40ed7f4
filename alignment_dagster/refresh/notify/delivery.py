"""Sending within bounds: so many seconds in all, a few attempts, and no text of a failure."""

import queue
import threading
import time
from collections.abc import Callable

from alignment_dagster.foundation.errors import AlignmentError

ATTEMPTS = 3
FIRST_PAUSE = 0.5
"""Seconds before the second attempt; doubled before the third."""
TOO_LATE = "no answer in time"

Send = Callable[[float], None]
"""Sends once, within so many seconds."""


class NotSentError(AlignmentError):
    """Nothing was sent; the message holds no secret."""

    def __init__(self, reason: str, *, again: bool = False) -> None:
        super().__init__(reason)
        self.again = again
        """Whether it is known that nothing arrived, and another attempt may help."""


def deliver(send: Send, seconds: float) -> str | None:
    """Send, and try again where that can help; never longer than `seconds`.

    It runs in a thread that is left behind when the time is over: a name that is looked up, or a
    server that drips, knows no other limit.

    Returns:
        None where it was sent; otherwise why not.
    """
    said: queue.Queue[str | None] = queue.Queue()
    end = time.monotonic() + seconds
    threading.Thread(target=lambda: said.put(_attempts(send, end)), daemon=True).start()
    try:
        return said.get(timeout=seconds)
    except queue.Empty:
        return TOO_LATE


def _attempts(send: Send, end: float) -> str | None:
    problem = TOO_LATE
    for attempt in range(ATTEMPTS):
        pause = FIRST_PAUSE * 2 ** (attempt - 1) if attempt else 0.0
        if time.monotonic() + pause >= end:
            break
        time.sleep(pause)
        try:
            send(end - time.monotonic())
        except NotSentError as error:
            problem = str(error)
            if not error.again:
                break
        except Exception as error:  # its text may quote an address or a password
            return type(error).__name__
        else:
            return None
    return problem
