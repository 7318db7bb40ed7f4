"""The process that training jobs are forked from, itself forked from a warm one."""

import os
import socket
from typing import Any


def start_template() -> None:
    """The process that training jobs are forked from: a fork of this one instead of a new start.

    Source: `multiprocessing.forkserver.ForkServer.ensure_running` of Python 3.11.
    """
    from multiprocessing import connection, forkserver

    address = connection.arbitrary_address("AF_UNIX")
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(address)
    listener.listen()
    alive, ours = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(ours)
        forkserver.main(listener.fileno(), alive, [])
        os._exit(0)
    listener.close()
    os.close(alive)
    server: Any = forkserver._forkserver  # type: ignore[attr-defined]
    server._forkserver_address = address
    server._forkserver_alive_fd = ours
    server._forkserver_pid = pid
