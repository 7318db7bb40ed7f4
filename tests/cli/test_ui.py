"""`alignment ui` says what is wrong with a server or a port, and links lead to its pages."""

import contextlib
import socket
import sys
from pathlib import Path

import pytest

from alignment_dagster.cli import ui
from alignment_dagster.foundation import page_links
from alignment_dagster.foundation.errors import AlignmentError
from alignment_dagster.foundation.home import Home
from tests.support.tiny_study import TinyStudy


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
