"""Whether a server or database that is configured can be reached; asked before anything runs."""

import socket
from urllib.parse import urlsplit

from alignment_dagster.errors import AlignmentError

PORTS = {"http": 80, "https": 443, "postgresql": 5432, "mysql": 3306}
TIMEOUT_SECONDS = 5.0


def require_reachable(variable: str, uri: str) -> None:
    """Open and close a connection; an address without a host (a file) needs none.

    Raises:
        AlignmentError: names the variable and the host, never what else the address holds (it may
            be a password).
    """
    try:
        parts = urlsplit(uri)
        host = parts.hostname
        port = parts.port or PORTS.get(parts.scheme.split("+")[0])
    except ValueError:
        raise AlignmentError(f"{variable}: is no address") from None
    if not host:
        return
    if port is None:
        raise AlignmentError(f"{variable}: {host}: the address names no port")
    try:
        socket.create_connection((host, port), TIMEOUT_SECONDS).close()
    except OSError as error:
        reason = error.strerror or "no answer"
        raise AlignmentError(f"{variable}: {host}:{port} cannot be reached: {reason}") from None
