"""The audit's pages over HTTP, on the loopback interface only: `alignment ui` starts it.

Only GET and HEAD, only for browsers on this machine: a foreign name that was made to resolve to
the loopback address (DNS rebinding) is refused by its Host header.
"""

import signal
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from alignment_dagster.audit.pages.site import Page, page
from alignment_dagster.home import Home
from alignment_dagster.links import AUDIT_PORT, HOST

POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'none'"
HEADERS = {
    "Content-Security-Policy": f"{POLICY}; frame-ancestors 'none'; base-uri 'none'",
    "Content-Type": "text/html; charset=utf-8",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
NAMES = frozenset({HOST, "localhost"})


class Handler(BaseHTTPRequestHandler):
    """Answers each request from the lake as it is then."""

    server_version = "alignment"
    sys_version = ""
    home = Home.from_environment()

    def do_GET(self) -> None:
        self._answer(body=True)

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def _answer(self, *, body: bool) -> None:
        if self.headers.get("Host", "").rpartition(":")[0] not in NAMES:
            found = Page("this server answers to 127.0.0.1 and localhost only", 403)
        else:
            found = page(self.home, self.path)
        content = found.html.encode("utf-8", "replace")
        self.send_response(found.status)
        for name, value in HEADERS.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if body:
            self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: addresses may hold foreign text."""


def serve(home: Home, port: int = AUDIT_PORT) -> ThreadingHTTPServer:
    """A server bound to the loopback address, ready for `serve_forever`."""
    bound = type("BoundHandler", (Handler,), {"home": home})
    return ThreadingHTTPServer((HOST, port), bound)


def main() -> None:
    """Serve until SIGINT or SIGTERM."""
    server = serve(Home.from_environment())
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: sys.exit(0))
    with server:
        server.serve_forever()


if __name__ == "__main__":
    main()
