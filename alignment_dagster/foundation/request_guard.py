"""What a server on the loopback interface answers: this machine's programs, and its own pages.

Nobody signs in on these servers: whoever reaches one may do everything. A web page from anywhere
that is open in the user's browser reaches them, too, and this is how it is told apart:

- By its **Host**, the page of a foreign name that was made to resolve to the loopback address
  (DNS rebinding). For the browser that page and the server are one origin, so nothing else tells.
- By **Origin**, which browsers send with each request that is no GET or HEAD, with each WebSocket
  and with each read that asks for the content of another origin (CORS). It must be the server's
  own: a page on another port of this machine is somebody else's. `null` is nobody's.
- By **Sec-Fetch-Site**, which browsers send with the rest: what another site embeds (pictures,
  scripts, frames). A link that is followed is let through: it reads, and its answer is shown to
  the user alone. (What reads must have no effect: see to it where there is one that does.)
- By **Content-Type**, where an older browser sends neither. A POST from a form, or from a script
  that the browser does not first ask the server about, has one of three types or none. Programs
  that write (Dagster's and MLflow's clients) send JSON; PUT, PATCH and DELETE are no form's, and
  are always asked about first.

A program of this machine sends neither Origin nor Sec-Fetch-Site, and goes through: nothing here
keeps out who can open a connection by himself.
"""

import re
from collections.abc import Mapping
from http import HTTPStatus

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from alignment_dagster.foundation.page_links import HOST

NAMES = frozenset({HOST, "localhost"})
OWN_SITE = frozenset({"same-origin", "none"})
"""`none`: an address that the user typed in, or a bookmark."""
FOLLOWED = {"sec-fetch-mode": ["navigate"], "sec-fetch-dest": ["document"]}
"""What a link in another site's page asks for; a frame's destination is another."""
MEDIA_TYPE = re.compile(r"[\w.+-]+/[\w.+-]+", re.ASCII)
FORM_TYPES = frozenset(
    {"application/x-www-form-urlencoded", "multipart/form-data", "text/plain"}
)  # fmt: skip
POLICY = "Content-Security-Policy"
HEADERS: Mapping[str, str] = {
    POLICY: "frame-ancestors 'self'",
    "X-Frame-Options": "SAMEORIGIN",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
"""No other site may frame an answer, embed it, or hold its window."""
POLICY_VIOLATION = 1008
"""Of RFC 6455: why a WebSocket is closed."""


class RequestGuard:
    """An ASGI application behind the rules above."""

    def __init__(self, application: ASGIApp, headers: Mapping[str, str] = HEADERS) -> None:
        """Guard an application.

        Args:
            headers: every answer carries them. A content policy is one more beside the
                application's own, and a browser obeys both.
        """
        self._application = application
        self._headers = headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message.setdefault("headers", [])
                carried = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    if name == POLICY:
                        carried.append(name, value)
                    else:
                        carried[name] = value
            await send(message)

        reason = find_refusal(scope) if scope["type"] in ("http", "websocket") else None
        if reason is None:
            await self._application(scope, receive, send_with_headers)
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": POLICY_VIOLATION, "reason": reason})
        else:
            answer = PlainTextResponse(f"Refused: {reason}.\n", HTTPStatus.FORBIDDEN)
            await answer(scope, receive, send_with_headers)


def find_refusal(scope: Scope) -> str | None:
    """Why a request is not answered; None where it is."""
    headers = Headers(scope=scope)
    hosts, origins = headers.getlist("host"), headers.getlist("origin")
    if len(hosts) != 1 or not _is_ours(hosts[0]):
        return f"this server is {HOST} or localhost, for browsers and programs on this machine"
    if any(origin.lower() != f"http://{hosts[0].lower()}" for origin in origins):
        return "a page of another origin asks for this"
    method = scope.get("method")
    if not OWN_SITE.issuperset(headers.getlist("sec-fetch-site")):
        followed = all(headers.getlist(name) == values for name, values in FOLLOWED.items())
        if not followed or method not in ("GET", "HEAD"):
            return "a page of another site asks for this"
    if method == "POST" and not origins and not _is_a_programs(headers.getlist("content-type")):
        return "a program must name the type of what it sends, and not that of a form"
    return None


def _is_ours(host: str) -> bool:
    """Whether a Host names this machine; the port may be any, as a tunnel's is another."""
    name, _, port = host.partition(":")
    return name.lower() in NAMES and (not port or (port.isascii() and port.isdecimal()))


def _is_a_programs(types: list[str]) -> bool:
    if len(types) != 1:
        return False
    media_type = types[0].partition(";")[0].strip().lower()
    return bool(MEDIA_TYPE.fullmatch(media_type)) and media_type not in FORM_TYPES
