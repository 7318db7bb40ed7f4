"""The audit's pages for a test: over a connection, or without one."""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass

from starlette.testclient import TestClient

from alignment_dagster.audit.pages.server import application, server
from alignment_dagster.foundation.home import Home
from alignment_dagster.foundation.page_links import AUDIT, HOST


@contextlib.contextmanager
def running(home: Home) -> Iterator[int]:
    """The server as `alignment ui` starts it, on a free port."""
    served = server(home)
    with socket.socket() as bound:
        bound.bind((HOST, 0))
        thread = threading.Thread(target=served.run, kwargs={"sockets": [bound]}, daemon=True)
        thread.start()
        while not served.started and thread.is_alive():
            time.sleep(0.01)
        yield bound.getsockname()[1]
        served.should_exit = True
        thread.join()


@dataclass(frozen=True)
class Page:
    """A response: HTML and its status."""

    html: str
    status: int


def page(home: Home, target: str) -> Page:
    """What a browser on this machine gets."""
    got = TestClient(application(home), base_url=AUDIT).get(target)
    return Page(got.text, got.status_code)
