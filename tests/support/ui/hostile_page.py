"""A web page that attacks the servers of `alignment ui`, as any page in the user's browser may."""

import contextlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import quote

from tests.support.ui.idle import REPORT, deletion
from tests.support.ui.served import Served

NAME = "hostile.example"
"""The browser finds it, and every name below it, at the loopback address: `browser.FLAGS`."""
TRIES = 6
"""Runs that it tries to delete, each in another way."""


@contextlib.contextmanager
def serve_hostile_page(pages: Served, runs: list[str]) -> Iterator[int]:
    """The port that the page is served on, under any name."""
    html = _page(pages, runs).encode()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write(html)

        def log_message(self, *_: object) -> None:
            """Nothing: the browser tells what happened."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


def _page(pages: Served, runs: list[str]) -> str:
    graphql = f"{pages.dagster}/graphql"
    queries = [f"{graphql}?query={quote(deletion(run))}" for run in runs]
    posted = [json.dumps({"query": deletion(run)}) for run in runs]
    picture, form, opaque, typeless, readable, talked = range(TRIES)
    return f"""<!doctype html><title>hostile</title>
<img src="{queries[picture]}">
<script src="{queries[picture]}"></script>
<iframe name="sink"></iframe>
<form id="queried" method="post" target="sink" enctype="text/plain" action="{queries[form]}">
<input name="a" value="b"></form>
<form id="reported" method="post" target="sink2" action="{pages.dagster}{REPORT}">
<input name="a" value="b"></form><iframe name="sink2"></iframe>
<iframe id="dagster" src="{pages.dagster}/"></iframe>
<iframe id="mlflow" src="{pages.mlflow}/"></iframe>
<iframe id="audit" src="{pages.audit}/"></iframe>
<script>
const seen = window.seen = [];
const look = (name, asked) => asked.then(
  async answer => {{ if (answer.type !== "opaque") seen.push(name + ": " + answer.status); }},
  () => null);
const talk = address => new Promise(done => {{
  const socket = new WebSocket(address, "graphql-ws");
  socket.onopen = () => {{
    seen.push("websocket");
    socket.send(JSON.stringify({{type: "start", id: "1", payload: {posted[talked]}}}));
    setTimeout(done, 500);
  }};
  socket.onerror = done;
}});
const plain = {{"Content-Type": "text/plain"}}, typed = {{"Content-Type": "application/json"}};
const created = JSON.stringify({{name: "theirs " + location.hostname}});
const api = "{pages.mlflow}/ajax-api/2.0/mlflow/experiments/";
window.attack = async () => {{
  document.getElementById("queried").submit();
  document.getElementById("reported").submit();
  await Promise.all([
    look("opaque", fetch("{queries[opaque]}", {{method: "POST", mode: "no-cors", headers: plain, body: "a"}})),
    look("beacon", fetch("{queries[typeless]}", {{method: "POST", mode: "no-cors"}})),
    look("report", fetch("{pages.dagster}{REPORT}", {{method: "POST", mode: "no-cors", body: "a"}})),
    look("graphql", fetch("{graphql}", {{method: "POST", headers: typed, body: {json.dumps(posted[readable])}}})),
    look("mlflow read", fetch(api + "search?max_results=10")),
    look("mlflow write", fetch(api + "create", {{method: "POST", headers: typed, body: created}})),
    look("mlflow form", fetch(api + "create", {{method: "POST", mode: "no-cors", headers: plain, body: created}})),
    talk("{graphql.replace("http:", "ws:")}"),
  ]);
  navigator.sendBeacon("{queries[typeless]}");
  await new Promise(done => setTimeout(done, 1000));
  return seen;
}};
</script>"""  # noqa: E501
