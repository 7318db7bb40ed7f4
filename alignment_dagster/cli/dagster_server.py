"""Dagster as `alignment ui` starts it: what `dagster dev` is, with its webserver behind the guard.

python -m alignment_dagster.cli.dagster_server

One server loads the code; the webserver, in this process, and the daemon both ask that one.
"""

import contextlib
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import yaml
from dagster import DagsterInstance
from dagster._cli.proxy_server_manager import ProxyServerManager
from dagster._cli.utils import get_instance_for_cli
from dagster._core.workspace.context import WorkspaceProcessContext, WorkspaceRequestContext
from dagster._core.workspace.load_target import WorkspaceFileTarget
from dagster._utils.interrupts import setup_interrupt_handlers
from dagster._utils.log import configure_loggers
from dagster_webserver.cli import (
    DEFAULT_DB_STATEMENT_TIMEOUT,
    DEFAULT_POOL_MAX_OVERFLOW,
    DEFAULT_POOL_RECYCLE,
)
from dagster_webserver.version import __version__
from dagster_webserver.webserver import DagsterWebserver
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from alignment_dagster.foundation.home import workspace_file
from alignment_dagster.foundation.local_server import local_server
from alignment_dagster.foundation.page_links import DAGSTER_PORT

LOG_LEVEL = "warning"
POLL_MILLISECONDS = 2000
"""How often its pages ask what is new: Dagster's own default."""
REPORTS = "/report_asset_"
"""Where anybody tells Dagster that an asset was materialized, observed or checked elsewhere. All
that is made here says so by its run: such an event would make an older artifact the current one."""


class Webserver(DagsterWebserver[WorkspaceProcessContext, WorkspaceRequestContext]):
    """Dagster's, without what changes something and is no POST of GraphQL."""

    def build_routes(self) -> list[BaseRoute]:
        """All but those that take reports."""
        return [
            route
            for route in super().build_routes()  # type: ignore[no-untyped-call]
            if not (isinstance(route, Route) and route.path.startswith(REPORTS))
        ]

    async def graphql_http_endpoint(self, request: Request) -> Response:
        """The page on which queries are written, and what is posted; no query in an address."""
        if request.method == "POST" or "text/html" in request.headers.get("accept", ""):
            answer: Response = await super().graphql_http_endpoint(request)
            return answer
        return PlainTextResponse("A query must be posted.\n", 405, headers={"Allow": "POST"})


@contextlib.contextmanager
def _code_server(instance: DagsterInstance) -> Iterator[str]:
    """The code location's server; a workspace file that leads to it."""
    target = WorkspaceFileTarget([str(workspace_file())])
    with (
        ProxyServerManager(instance, target, LOG_LEVEL) as servers,
        tempfile.TemporaryDirectory(prefix="alignment-ui-") as folder,
    ):
        file = Path(folder) / "workspace.yaml"
        file.write_text(yaml.safe_dump({"load_from": list(servers.get_code_server_specs())}))
        yield str(file)


@contextlib.contextmanager
def _daemon(workspace: str) -> Iterator["subprocess.Popen[bytes]"]:
    command = [
        sys.executable, "-m", "dagster._daemon", "run",
        "--log-level", LOG_LEVEL, "--workspace", workspace,
    ]  # fmt: skip
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.terminate()
        process.wait()


def main() -> None:
    """Serve until SIGINT or SIGTERM, or until the daemon ends by itself."""
    os.environ["DAGSTER_IS_DEV_CLI"] = "1"
    configure_loggers(log_level=LOG_LEVEL.upper())
    setup_interrupt_handlers()
    with (
        contextlib.suppress(KeyboardInterrupt),
        get_instance_for_cli() as instance,
        _code_server(instance) as workspace,
        _daemon(workspace) as daemon,
    ):
        instance.optimize_for_webserver(
            DEFAULT_DB_STATEMENT_TIMEOUT, DEFAULT_POOL_RECYCLE, DEFAULT_POOL_MAX_OVERFLOW
        )
        with WorkspaceProcessContext(
            instance,
            WorkspaceFileTarget([workspace]),
            version=__version__,
            code_server_log_level=LOG_LEVEL,
        ) as context:
            application = Webserver(context, live_data_poll_rate=POLL_MILLISECONDS)
            server = local_server(application.create_asgi_app(), DAGSTER_PORT)

            def end_with_the_daemon() -> None:
                daemon.wait()
                server.should_exit = True

            threading.Thread(target=end_with_the_daemon, daemon=True).start()
            server.run()
            if daemon.poll() is not None:
                sys.exit(f"Dagster's daemon ended by itself ({daemon.returncode})")


if __name__ == "__main__":
    main()
