"""How each of our servers is run: on the loopback interface, behind the guard."""

from collections.abc import Mapping

import uvicorn
from starlette.types import ASGIApp

from alignment_dagster.foundation.page_links import HOST
from alignment_dagster.foundation.request_guard import HEADERS, RequestGuard


def local_server(
    application: ASGIApp, port: int, headers: Mapping[str, str] = HEADERS
) -> uvicorn.Server:
    """A server of an application; it logs no requests: addresses may hold foreign text.

    Args:
        headers: what every answer carries.
    """
    return uvicorn.Server(
        uvicorn.Config(
            RequestGuard(application, headers), HOST, port, loop="asyncio", http="h11",
            log_config=None, log_level="error", access_log=False, server_header=False,
            proxy_headers=False, timeout_graceful_shutdown=1,
        )
    )  # fmt: skip
