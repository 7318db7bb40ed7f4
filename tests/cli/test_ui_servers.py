"""`alignment ui` serves all pages on the loopback interface, to this machine's own pages and
programs alone, and takes them down with itself."""

import json
import signal
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import quote

import psutil
import pytest
from dagster_graphql import DagsterGraphQLClient
from mlflow import MlflowClient
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Origin, Subprotocol

from tests.support.ui.idle import REPORT, add_run, deletion, is_untouched, serve_idle
from tests.support.ui.served import Served

pytestmark = pytest.mark.slow
JSON = {"Content-Type": "application/json"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
HOSTILE = {"Origin": "http://hostile.example"}


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serve_idle(tmp_path_factory.mktemp("ui")) as running:
        yield running


def ask(
    address: str, headers: Mapping[str, str] | None = None, posted: str | None = None
) -> tuple[int, str]:
    """The status and the text that come back."""
    body = None if posted is None else posted.encode()
    request = urllib.request.Request(address, body, dict(headers or {}))
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_the_pages_are_served_on_loopback(pages: Served) -> None:
    home = pages.made.home
    assert (home.root.parent / "servers.log").read_text().splitlines() == [
        f"Starting three servers; Ctrl-C ends them. Their messages: {home.server_logs}",
        f"Dagster: {pages.dagster}",
        f"MLflow:  {pages.mlflow}",
        f"Audit:   {pages.audit}",
    ]
    family = psutil.Process(pages.process.pid).children(recursive=True)
    here = {one.pid for one in family}
    addresses = {
        connection.laddr.ip
        for connection in psutil.net_connections("tcp")
        if connection.status == psutil.CONN_LISTEN and connection.pid in here
    }
    assert addresses == {"127.0.0.1"}
    commands = [" ".join(one.cmdline()) for one in family]
    assert not any("sqlite:" in one for one in commands), "a database's address is no argument"
    assert ask(f"{pages.dagster}/server_info")[0] == 200
    assert "Nothing has been made yet" in ask(pages.audit)[1]


def test_a_query_in_an_address_is_not_carried_out(pages: Served) -> None:
    run = add_run(pages)
    address = f"{pages.dagster}/graphql?query={quote(deletion(run))}"
    ask(address, {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"})
    ask(address)
    ask(address, FORM, "a=b")
    ask(address, {"Accept": "text/html", "Content-Type": "text/plain"}, "a=b")
    ask(address, HOSTILE | JSON, "{}")
    assert is_untouched(pages, [run])


@pytest.mark.parametrize("headers", [HOSTILE | FORM, FORM, JSON, {"Content-Type": "text/plain"}])
def test_nobody_reports_to_dagster_that_an_asset_was_made(
    pages: Served, headers: dict[str, str]
) -> None:
    assert ask(f"{pages.dagster}{REPORT}", headers, "{}")[0] in (403, 405)
    assert is_untouched(pages, [])


@pytest.mark.parametrize("server", ["dagster", "mlflow", "audit"])
@pytest.mark.parametrize("host", ["hostile.example", "10.hostile.example", "192.168.1.hostile"])
def test_no_server_answers_to_a_foreign_name(pages: Served, server: str, host: str) -> None:
    address = f"{getattr(pages, server)}/"
    assert ask(address)[0] == 200
    assert ask(address, {"Host": host})[0] == 403


@pytest.mark.parametrize("server", ["dagster", "mlflow", "audit"])
def test_no_other_site_may_frame_a_page(pages: Served, server: str) -> None:
    with urllib.request.urlopen(f"{getattr(pages, server)}/", timeout=60) as answer:
        policies = " ".join(answer.headers.get_all("Content-Security-Policy"))
        assert "frame-ancestors" in policies
        assert answer.headers["X-Frame-Options"] in ("SAMEORIGIN", "DENY")


def test_a_page_on_another_port_of_this_machine_neither_reads_mlflow_nor_writes(
    pages: Served,
) -> None:
    beside = {"Origin": pages.dagster}
    search, create = (f"{pages.mlflow}/api/2.0/mlflow/experiments/{one}" for one in _API)
    for headers in (beside, HOSTILE):
        assert ask(create, headers | JSON, json.dumps({"name": "theirs"}))[0] == 403
        assert ask(f"{search}?max_results=10", headers)[0] == 403
    got = json.loads(ask(search, JSON, json.dumps({"max_results": 10}))[1])
    assert "theirs" not in [one["name"] for one in got.get("experiments", [])]


_API = ("search", "create")


def test_a_foreign_page_does_not_open_dagsters_websocket(pages: Served) -> None:
    address = f"{pages.dagster.replace('http', 'ws')}/graphql"
    spoken = [Subprotocol("graphql-ws")]
    for origin in ("http://hostile.example", pages.mlflow, "null"):
        with pytest.raises(InvalidStatus), connect(address, origin=Origin(origin)):
            pass
    for own in (None, Origin(pages.dagster)):
        with connect(address, origin=own, subprotocols=spoken, proxy=None) as socket:
            socket.send(json.dumps({"type": "connection_init"}))
            assert json.loads(socket.recv(timeout=60)) == {"type": "connection_ack"}


def test_programs_of_this_machine_go_on_working(pages: Served, tmp_path: Path) -> None:
    run = add_run(pages)
    client = DagsterGraphQLClient("127.0.0.1", port_number=pages.port)
    assert client.get_run_status(run).value == "NOT_STARTED"
    mlflow = MlflowClient(pages.mlflow)
    own = mlflow.create_run(mlflow.create_experiment("of a program")).info.run_id
    mlflow.log_metric(own, "loss", 0.5)
    (tmp_path / "notes.txt").write_text("kept")
    mlflow.log_artifact(own, str(tmp_path / "notes.txt"))
    assert mlflow.get_run(own).data.metrics == {"loss": 0.5}
    assert Path(mlflow.download_artifacts(own, "notes.txt")).read_text() == "kept"
    mlflow.delete_run(own)


def test_what_a_page_of_its_own_sends_is_carried_out(pages: Served) -> None:
    run = add_run(pages)
    own = {"Origin": pages.dagster, "Sec-Fetch-Site": "same-origin", **JSON}
    done = ask(f"{pages.dagster}/graphql", own, json.dumps({"query": deletion(run)}))
    assert done == (200, '{"data":{"deletePipelineRun":{"__typename":"DeletePipelineRunSuccess"}}}')
    assert not is_untouched(pages, [run])


def test_the_pages_end_together(pages: Served) -> None:
    process = pages.process
    family = [process.pid, *(one.pid for one in psutil.Process(process.pid).children(True))]
    said = (pages.made.home.root.parent / "servers.log").read_text()
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 130
    assert (pages.made.home.root.parent / "servers.log").read_text() == said, "nothing after them"
    deadline = time.monotonic() + 20
    while any(map(psutil.pid_exists, family)) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert not any(map(psutil.pid_exists, family))
