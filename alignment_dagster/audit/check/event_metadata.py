"""What an event says of an artifact, without how it is said.

Another version of the project may write links otherwise: what they lead to must be the same.
"""

import re
from typing import Any

from alignment_dagster.lineage.event_metadata import event_metadata
from alignment_dagster.lineage.lake import Artifact

LINK = re.compile(r"\]\([^)\s]*\)")
"""The address of a link in Markdown."""
SEGMENTS = {"audit": 4, "mlflow_run": 1}
"""How many parts at the end of an address say what it leads to."""
OWN = ("artifact", "reused")
"""Where the lake lies may change; whether it was reused differs from event to event."""


def expected_metadata(artifact: Artifact) -> dict[str, Any]:
    """What every event of an artifact says of it: lineage, runs and time; see `plain`."""
    return {
        name: plain(name, value)
        for name, value in event_metadata(artifact).items()
        if name not in OWN
    }


def plain(name: str, value: Any) -> Any:
    """A value without the addresses of the pages that it leads to."""
    if not isinstance(value, str):
        return value
    if name in SEGMENTS:
        return "/".join(value.split("?")[0].split("/")[-SEGMENTS[name] :])
    return LINK.sub("]", value)
