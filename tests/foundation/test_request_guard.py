"""What a page in the user's browser may ask of a local server, and what a program may.

A case is what browsers really send: Chromium, Firefox and Safari the first three headers, older
ones only some of them.
"""

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket, WebSocketDisconnect

from alignment_dagster.foundation.request_guard import HEADERS, RequestGuard

HERE = "http://127.0.0.1:3000"
OTHER_PORT = "http://127.0.0.1:5001"
WEBSOCKET = "ws://127.0.0.1:3000/ws"
HOSTILE = "https://hostile.example"
JSON = {"Content-Type": "application/json"}
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


async def _answer(_: Request) -> PlainTextResponse:
    return PlainTextResponse("answered", headers={"Content-Security-Policy": "img-src 'self'"})


async def _talk(socket: WebSocket) -> None:
    await socket.accept()
    await socket.send_text("answered")
    await socket.close()


GUARDED = RequestGuard(
    Starlette(routes=[Route("/", _answer, methods=METHODS), WebSocketRoute("/ws", _talk)])
)


def client() -> TestClient:
    return TestClient(GUARDED, base_url=HERE)


def status(method: str, headers: dict[str, str]) -> int:
    return int(client().request(method, "/", headers=headers).status_code)


def fetched(site: str, mode: str, destination: str) -> dict[str, str]:
    """What a browser says of its own accord."""
    names = ("Sec-Fetch-Site", "Sec-Fetch-Mode", "Sec-Fetch-Dest")
    return dict(zip(names, (site, mode, destination), strict=True))


@pytest.mark.parametrize(
    ("method", "headers"),
    [
        pytest.param("GET", {}, id="a program reads"),
        pytest.param("POST", JSON, id="a program posts JSON"),
        pytest.param("POST", {"Content-Type": "application/json; charset=utf-8"}, id="charset"),
        pytest.param("POST", {"Content-Type": "application/x-protobuf"}, id="OpenTelemetry's"),
        pytest.param("PUT", {}, id="a program uploads a file"),
        pytest.param("DELETE", {}, id="a program deletes"),
        pytest.param("PATCH", JSON, id="a program patches"),
        pytest.param("GET", fetched("none", "navigate", "document"), id="an address typed in"),
        pytest.param("GET", fetched("cross-site", "navigate", "document"), id="a link in a mail"),
        pytest.param("GET", fetched("same-site", "navigate", "document"), id="the audit's link"),
        pytest.param("GET", fetched("same-origin", "no-cors", "image"), id="its page's picture"),
        pytest.param("GET", fetched("same-origin", "navigate", "iframe"), id="its page's frame"),
        pytest.param(
            "POST",
            {"Origin": HERE, **fetched("same-origin", "cors", "empty"), **JSON},
            id="its page writes",
        ),
        pytest.param(
            "POST",
            {"Origin": HERE, "Content-Type": "multipart/form-data; boundary=x"},
            id="its page uploads a file",
        ),
        pytest.param("GET", {"Host": "localhost:3000"}, id="the machine's name"),
        pytest.param("GET", {"Host": "LOCALHOST:8080"}, id="through a tunnel"),
        pytest.param(
            "POST",
            {"Host": "localhost:8080", "Origin": "http://localhost:8080", **JSON},
            id="its page writes, through a tunnel",
        ),
    ],
)
def test_own_pages_and_this_machines_programs_are_answered(
    method: str, headers: dict[str, str]
) -> None:
    assert status(method, headers) == 200


@pytest.mark.parametrize(
    ("method", "headers"),
    [
        pytest.param("GET", fetched("cross-site", "no-cors", "image"), id="picture"),
        pytest.param("GET", fetched("same-site", "no-cors", "image"), id="other port's picture"),
        pytest.param("GET", fetched("cross-site", "no-cors", "script"), id="script"),
        pytest.param("GET", fetched("cross-site", "navigate", "iframe"), id="frame"),
        pytest.param("GET", fetched("cross-site", "navigate", "object"), id="object"),
        pytest.param("GET", fetched("cross-site", "no-cors", "empty"), id="opaque fetch"),
        pytest.param("GET", {"Origin": HOSTILE}, id="fetch that wants to read"),
        pytest.param("GET", {"Origin": OTHER_PORT}, id="other port's fetch"),
        pytest.param(
            "POST",
            {
                "Origin": HOSTILE,
                **fetched("cross-site", "navigate", "document"),
                "Content-Type": "application/x-www-form-urlencoded",
            },
            id="form",
        ),
        pytest.param(
            "POST",
            {"Origin": HOSTILE, "Content-Type": "text/plain"},
            id="no-cors fetch, Safari before 16.4",
        ),
        pytest.param("POST", {"Origin": "null", **JSON}, id="sandboxed frame"),
        pytest.param("POST", {"Origin": OTHER_PORT, **JSON}, id="other port's page"),
        pytest.param("POST", {"Origin": "https://127.0.0.1:3000", **JSON}, id="other scheme"),
        pytest.param("POST", {"Origin": "http://localhost:3000", **JSON}, id="other name"),
        pytest.param("POST", {"Origin": f"{HERE}.hostile.example", **JSON}, id="longer name"),
        pytest.param("POST", fetched("cross-site", "navigate", "document") | JSON, id="followed"),
        pytest.param("OPTIONS", {"Origin": HOSTILE}, id="preflight"),
        pytest.param("PUT", {"Origin": HOSTILE}, id="put"),
        pytest.param("DELETE", {"Origin": OTHER_PORT}, id="delete"),
        pytest.param(
            "POST", {"Content-Type": "application/x-www-form-urlencoded"}, id="old browser's form"
        ),
        pytest.param("POST", {"Content-Type": "multipart/form-data; boundary=x"}, id="its files"),
        pytest.param("POST", {"Content-Type": "Text/Plain;application/json"}, id="its text"),
        pytest.param("POST", {}, id="its beacon without a type"),
        pytest.param("POST", {"Content-Type": "application/json, text/plain"}, id="two types"),
        pytest.param("POST", {"Content-Type": "json"}, id="no type"),
    ],
)
def test_a_page_of_another_origin_is_refused(method: str, headers: dict[str, str]) -> None:
    assert status(method, headers) == 403


@pytest.mark.parametrize(
    "host",
    [
        "hostile.example:3000",
        "10.hostile.example:3000",
        "127.0.0.1.hostile.example",
        "x.localhost:3000",
        "localhost.:3000",
        "127.0.0.1:x",
        "127.0.0.1:٣",
        "[::1]:3000",
        "0.0.0.0:3000",
        "",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_foreign_name_is_refused_even_as_an_origin_of_its_own(method: str, host: str) -> None:
    sent = {"Host": host.encode(), "Origin": b"http://" + host.encode(), **_encoded(JSON)}
    answer = client().request(method, "/", headers=list(sent.items()))
    assert answer.status_code == 403


def _encoded(headers: dict[str, str]) -> dict[str, bytes]:
    return {name: value.encode() for name, value in headers.items()}


@pytest.mark.parametrize("name", ["Host", "Origin"])
def test_a_second_header_beside_the_right_one_is_refused(name: str) -> None:
    value = HERE if name == "Origin" else "127.0.0.1:3000"
    sent = [(name, value), (name, "hostile.example")]
    assert client().get("/", headers=sent).status_code == 403


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({}, id="a program's"),
        pytest.param({"Origin": HERE}, id="its page's"),
        pytest.param({"Origin": HERE, "Sec-Fetch-Site": "same-origin"}, id="with its site"),
    ],
)
def test_an_own_websocket_is_opened(headers: dict[str, str]) -> None:
    with client().websocket_connect(WEBSOCKET, headers=headers) as socket:
        assert socket.receive_text() == "answered"


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({"Origin": HOSTILE}, id="foreign"),
        pytest.param({"Origin": OTHER_PORT}, id="other port"),
        pytest.param({"Origin": "null"}, id="sandboxed"),
        pytest.param({"Host": "hostile.example:3000"}, id="foreign name"),
        pytest.param(fetched("cross-site", "navigate", "document"), id="as a link"),
    ],
)
def test_a_websocket_of_another_origin_is_not_opened(headers: dict[str, str]) -> None:
    with (
        pytest.raises(WebSocketDisconnect) as refused,
        client().websocket_connect(WEBSOCKET, headers=headers),
    ):
        pass
    assert refused.value.code == 1008


@pytest.mark.parametrize("headers", [{}, {"Origin": HOSTILE}], ids=["answered", "refused"])
def test_nobody_else_may_frame_or_embed_an_answer(headers: dict[str, str]) -> None:
    got = client().get("/", headers=headers).headers
    policies = got.get_list("content-security-policy")
    assert policies[-1] == "frame-ancestors 'self'"
    assert policies[:-1] == ([] if headers else ["img-src 'self'"]), "the page's own holds, too"
    for name, value in HEADERS.items():
        assert got.get_list(name)[-1] == value
