"""`alignment ui` serves all pages on the loopback interface and takes them down with itself."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import psutil
import pytest

from alignment_dagster.cli import ui
from alignment_dagster.foundation import page_links
from alignment_dagster.foundation.errors import AlignmentError
from alignment_dagster.foundation.home import Home
from alignment_dagster.warehouse import read_manifest
from alignment_dagster.warehouse.paths import Warehouse
from tests.support.tiny_study import NAME, TinyStudy

PORTS = tuple(ui.PORTS.values())


def listening(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((page_links.HOST, port)) == 0


@pytest.mark.slow
@pytest.mark.skipif(any(map(listening, PORTS)), reason="a port of the pages is taken")
def test_the_pages_are_served_on_loopback_and_end_together(tiny: TinyStudy) -> None:
    # By the dbt of the tests: the code location would start one of its own, which takes seconds.
    read_manifest(Warehouse(Home.from_environment(), NAME))
    command = [str(Path(sys.executable).parent / "alignment"), "ui"]
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=dict(os.environ),
    )
    try:
        assert process.stdout is not None
        lines: list[str] = []
        while not lines or not lines[-1].startswith("Audit:"):
            lines.append(process.stdout.readline())
            assert lines[-1], "it ended by itself"
        logs = Path(os.environ["ALIGNMENT_HOME"]) / "server_logs"
        assert lines == [
            f"Starting three servers; Ctrl-C ends them. Their messages: {logs}\n",
            "Dagster: http://127.0.0.1:3000\n",
            "MLflow:  http://127.0.0.1:5000\n",
            "Audit:   http://127.0.0.1:5001\n",
        ]
        family = [process.pid, *(p.pid for p in psutil.Process(process.pid).children(True))]
        addresses = {
            connection.laddr.ip
            for connection in psutil.net_connections("tcp")
            if connection.status == psutil.CONN_LISTEN and connection.pid in family
        }
        assert addresses == {"127.0.0.1"}
        commands = [" ".join(psutil.Process(one).cmdline()) for one in family]
        assert not any("sqlite:" in one for one in commands), "a database's address is no argument"
        with urllib.request.urlopen("http://127.0.0.1:3000/server_info", timeout=30) as answer:
            assert answer.status == 200
        with urllib.request.urlopen(f"{page_links.AUDIT}/", timeout=30) as answer:
            assert b"Nothing has been made yet" in answer.read()
    finally:
        process.send_signal(signal.SIGINT)
        said, _ = process.communicate(timeout=60)
    assert said == "", "nothing is said after the addresses"
    assert process.returncode == 130
    deadline = time.monotonic() + 20
    while any(map(psutil.pid_exists, family)) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert not any(map(psutil.pid_exists, family))


def test_a_server_that_ends_by_itself_shows_its_last_words(tmp_path: Path) -> None:
    said = "import sys; [print(f'line {n}') for n in range(50)]; sys.exit('no such database')"
    server = ui._start("mlflow", [sys.executable, "-c", said], Home(tmp_path))
    with pytest.raises(AlignmentError, match="no such database") as raised:
        ui._wait_until_open([server])
    assert str(raised.value).startswith("mlflow ended by itself:\nline 31\n")
    assert str(tmp_path / "server_logs" / "mlflow.log") in str(raised.value)


@pytest.mark.parametrize(
    ("port", "name"), [(page_links.MLFLOW_PORT, "MLflow"), (page_links.AUDIT_PORT, "the audit")]
)
def test_a_taken_port_is_named(tiny: TinyStudy, port: int, name: str) -> None:
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with contextlib.suppress(OSError):  # somebody else has it: as good
            taken.bind((page_links.HOST, port))
            taken.listen()
        with pytest.raises(AlignmentError, match=rf"port {port} .* is taken: is {name} running"):
            ui.ui()


def test_a_link_into_dagster_opens_the_partition_it_names() -> None:
    assert (
        page_links.dagster_asset("study", "tokenizer", None)
        == f"{page_links.DAGSTER}/assets/study/tokenizer"
    )
    assert page_links.dagster_asset("study", "evaluation", "plain|0") == (
        f"{page_links.DAGSTER}/assets/study/evaluation?view=partitions&partition=plain%7C0"
    )


def test_a_second_server_takes_three_ports_in_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(page_links.PORT_VARIABLE, "7300")
    assert page_links.ports() == (7300, 7301, 7302)


@pytest.mark.parametrize("port", ["0", "80", "65534", "-1", "7300 ", "x", "٣٠٠٠"])
def test_a_port_that_cannot_be_is_named(monkeypatch: pytest.MonkeyPatch, port: str) -> None:
    monkeypatch.setenv(page_links.PORT_VARIABLE, port)
    with pytest.raises(AlignmentError, match="ALIGNMENT_UI_PORT: must be a port from 1024"):
        page_links.ports()
