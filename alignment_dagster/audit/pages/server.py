"""The audit's pages over HTTP, on the loopback interface only: `alignment ui` starts them.

Only GET and HEAD, only for this machine: see `foundation.request_guard`.
"""

import sys
from collections.abc import Callable
from functools import partial
from http import HTTPStatus

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from alignment_dagster.audit.answer import Answer
from alignment_dagster.audit.pages.answer_page import render
from alignment_dagster.audit.pages.artifact_page import trail
from alignment_dagster.audit.pages.site import PAGES, NotFoundError
from alignment_dagster.audit.pages.stale import Stale
from alignment_dagster.foundation.errors import AlignmentError
from alignment_dagster.foundation.home import Home
from alignment_dagster.foundation.local_server import local_server
from alignment_dagster.foundation.page_links import AUDIT_PORT
from alignment_dagster.foundation.request_guard import HEADERS as GUARDED
from alignment_dagster.foundation.request_guard import POLICY
from alignment_dagster.foundation.visible_text import visible
from alignment_dagster.lineage.lake import Lake

SOURCES = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'self'"
HEADERS = {
    **GUARDED,
    POLICY: f"{SOURCES}; frame-ancestors 'none'; base-uri 'none'",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
LONGEST = 2000
"""Characters of an address."""


def application(home: Home, stale: Stale | None = None) -> Starlette:
    """The pages of a home; each request is answered from the lake as it is then.

    Args:
        stale: what knows the declarations of today; without it the pages name the command.
    """
    pages = Starlette(
        routes=[Route(address, partial(_answer, home, page)) for address, page in PAGES.items()],
        exception_handlers={HTTPException: _refuse},
    )
    pages.state.stale = stale
    return pages


def _answer(home: Home, page: Callable[[Lake, Request], str], request: Request) -> Response:
    """A page; a mistake is a page too, with one clear message."""
    try:
        if len(str(request.url)) > LONGEST:
            raise NotFoundError(f"an address has at most {LONGEST:,} characters")
        return _html(page(Lake(home.lake), request))
    except NotFoundError as error:
        return _mistake("There is no such page", str(error), HTTPStatus.NOT_FOUND)
    except AlignmentError as error:
        return _mistake("This cannot be shown", str(error), HTTPStatus.CONFLICT)
    except Exception as error:
        # A lake that somebody cleans or writes by hand meanwhile can break anything.
        said = f"{type(error).__name__}: {error}"
        print(visible(f"audit page {request.url.path[:200]}: {said}"), file=sys.stderr, flush=True)
        return _mistake("This cannot be shown", said, HTTPStatus.INTERNAL_SERVER_ERROR)


def _refuse(_: Request, error: Exception) -> Response:
    """What Starlette itself refuses, as one of our pages."""
    assert isinstance(error, HTTPException)
    if error.status_code == HTTPStatus.NOT_FOUND:
        return _mistake("There is no such page", "its address is none of ours", error.status_code)
    return _mistake("This cannot be answered", "These pages can only be read.", error.status_code)


def _mistake(title: str, message: str, status: int) -> Response:
    return _html(render(Answer(title, (message,), (), {}), trail=trail()), status)


def _html(content: str, status: int = HTTPStatus.OK) -> Response:
    # A file's name may be no Unicode.
    return HTMLResponse(content.encode("utf-8", "replace"), status)


def server(home: Home, port: int = AUDIT_PORT, stale: Stale | None = None) -> uvicorn.Server:
    """A server of the pages for the loopback address."""
    return local_server(application(home, stale), port, HEADERS)
