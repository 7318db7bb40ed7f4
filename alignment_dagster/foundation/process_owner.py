"""Which process a Dagster run belongs to, and whether that process still lives."""

import socket

import psutil

PROCESS_TAG = ".dagster/alignment_process"
"""Of a Dagster run; its pages hide what begins so."""


def process_tag() -> str:
    """This process, so that others can tell whether it still lives."""
    process = psutil.Process()
    return f"{socket.gethostname()}/{process.pid}/{process.create_time():.0f}"


def is_dead(tag: str | None) -> bool:
    """Whether the process of a tag is known to be gone; of another machine nothing is known."""
    if tag is None:
        return False
    host, pid, created = tag.split("/")
    if host != socket.gethostname():
        return False
    try:
        return f"{psutil.Process(int(pid)).create_time():.0f}" != created
    except psutil.NoSuchProcess:
        return True
