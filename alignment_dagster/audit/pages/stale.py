"""What is stale in each study, found beside the requests, so that no page waits for it."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from alignment_dagster.audit.answer import Node
from alignment_dagster.foundation.errors import AlignmentError

if TYPE_CHECKING:  # all parts of a check stand behind it, and the pages are to open at once
    from alignment_dagster.audit.check.report import Change

FRESH_SECONDS = 60.0
PATIENCE_SECONDS = 1.0
"""A page waits so long for what was never found out before."""
TITLE = "what is stale"

Find = Callable[[str], "tuple[Change, ...] | None"]
"""Study → what changed since its report was made; None where it is not declared (any more)."""


@dataclass
class _Known:
    """What was found last of one study, and whether it is being looked at."""

    node: Node | None = None
    at: float = 0.0
    looked: threading.Event = field(default_factory=threading.Event)
    looking: bool = False


class Stale:
    """The last look at each study; a look that is old is followed by another one."""

    def __init__(self, find: Find) -> None:
        self._find = find
        self._known: dict[str, _Known] = {}
        self._lock = threading.Lock()

    def node(self, study: str) -> Node:
        """What a page says of a study; it may be a minute old."""
        with self._lock:
            known = self._known.setdefault(study, _Known())
            old = known.node is None or known.at < time.monotonic() - FRESH_SECONDS
            if old and not known.looking:
                known.looking = True
                threading.Thread(target=self._look, args=(study, known), daemon=True).start()
        if known.node is None:
            known.looked.wait(PATIENCE_SECONDS)
        said = "being compared with the declarations, files and code of today: load the page again"
        return known.node or Node(TITLE, said, tone="dim")

    def _look(self, study: str, known: _Known) -> None:
        try:
            node = _describe(study, self._find(study))
        except AlignmentError as error:
            node = Node(TITLE, str(error), tone="bad")
        except Exception as error:
            # A lake that somebody cleans or writes by hand meanwhile can break anything.
            node = Node(TITLE, f"cannot be told: {type(error).__name__}: {error}", tone="bad")
        known.node, known.at, known.looking = node, time.monotonic(), False
        known.looked.set()


def _describe(study: str, changes: "tuple[Change, ...] | None") -> Node:
    if changes is None:
        return Node(TITLE, "the study is not declared: nothing to compare with", tone="dim")
    if not changes:
        return Node(TITLE, "nothing since the report", tone="good")
    count = f"{len(changes)} {'change' if len(changes) == 1 else 'changes'}"
    said = f"{count} since the report; alignment run {study} takes up what they concern"
    return Node(TITLE, said, [Node(one.subject, one.message) for one in changes], "strong")
