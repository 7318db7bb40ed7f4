"""The audit's pages over HTTP, on the loopback interface only: `alignment ui` starts it.

Only GET and HEAD, only for browsers on this machine: a foreign name that was made to resolve to
the loopback address (DNS rebinding) is refused by its Host header.
"""

import contextlib
import signal
import sys
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from alignment_dagster.audit.pages.site import Page, mistake, page
from alignment_dagster.foundation.home import Home
from alignment_dagster.foundation.page_links import AUDIT_PORT, HOST
from alignment_dagster.foundation.visible_text import visible

POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'none'"
HEADERS = {
    "Content-Security-Policy": f"{POLICY}; frame-ancestors 'none'; base-uri 'none'",
    "Content-Type": "text/html; charset=utf-8",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}
NAMES = frozenset({HOST, "localhost"})
REFUSED = "These pages are for browsers on this machine: 127.0.0.1 and localhost."


class Handler(BaseHTTPRequestHandler):
    """Answers each request from the lake as it is then."""

    server_version = "alignment"
    sys_version = ""
    timeout = 30
    """Seconds that a connection may say nothing."""
    home: Home

    def do_GET(self) -> None:
        """The page at the address."""
        self._send(self._found())

    def do_HEAD(self) -> None:
        """The same without its content."""
        self._send(self._found())

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """What http.server itself refuses, as one of our pages."""
        if code == HTTPStatus.NOT_IMPLEMENTED:
            code, message = HTTPStatus.METHOD_NOT_ALLOWED, "These pages can only be read."
        self.close_connection = True
        self._send(mistake("This cannot be answered", message or HTTPStatus(code).phrase, code))

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: addresses may hold foreign text."""

    def _found(self) -> Page:
        if not _is_ours(self.headers.get_all("Host", [])):
            return mistake("Refused", REFUSED, HTTPStatus.FORBIDDEN)
        try:
            return page(self.home, self.path)
        except Exception as error:
            # A lake that somebody cleans or writes by hand meanwhile can break anything.
            said = f"{type(error).__name__}: {error}"
            print(visible(f"audit page {self.path[:200]}: {said}"), file=sys.stderr, flush=True)
            return mistake("This cannot be shown", said, HTTPStatus.INTERNAL_SERVER_ERROR)

    def _send(self, found: Page) -> None:
        content = found.html.encode("utf-8", "replace")
        with contextlib.suppress(ConnectionError):
            self.send_response(found.status)
            for name, value in HEADERS.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)


def _is_ours(hosts: list[str]) -> bool:
    """Whether the one Host header names this machine; its port may be any."""
    name, _, port = hosts[0].partition(":") if len(hosts) == 1 else ("", "", "")
    return name.lower() in NAMES and (not port or port.isdecimal())


def serve(home: Home, port: int = AUDIT_PORT) -> ThreadingHTTPServer:
    """A server bound to the loopback address, ready for `serve_forever`."""
    return ThreadingHTTPServer((HOST, port), type("BoundHandler", (Handler,), {"home": home}))


def main() -> None:
    """Serve until SIGINT or SIGTERM."""
    server = serve(Home.from_environment())
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: sys.exit(0))
    with server:
        server.serve_forever()


if __name__ == "__main__":
    main()
