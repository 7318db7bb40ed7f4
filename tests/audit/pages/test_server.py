"""The audit's pages are read-only, for this machine only, and read nothing outside the lake."""

import http.client
import shutil
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pytest

from alignment_dagster.audit.pages import site
from alignment_dagster.foundation import page_links
from alignment_dagster.foundation.home import Home
from alignment_dagster.lineage.lake import Artifact, Lake
from tests.support import record_lake, served_pages
from tests.support.read_page import Read
from tests.support.record_lake import STUDY

SECRET = "not for the browser"


@dataclass(frozen=True)
class Got:
    status: int
    headers: http.client.HTTPMessage
    html: str

    @property
    def text(self) -> str:
        return " ".join(Read(self.html).text.split())


@dataclass(frozen=True)
class Served:
    lake: Lake
    port: int

    def get(self, target: str, method: str = "GET", host: str | None = None) -> Got:
        """What comes back for exactly this target: nothing of it is normalised here."""
        connection = http.client.HTTPConnection(page_links.HOST, self.port, timeout=20)
        connection.putrequest(method, "/", skip_host=True, skip_accept_encoding=True)
        connection._buffer[0] = f"{method} {target} HTTP/1.1".encode("latin-1")  # type: ignore[attr-defined]
        connection.putheader("Host", host or f"{page_links.HOST}:{self.port}")
        if method == "POST":
            connection.putheader("Content-Type", "application/json")
        connection.endheaders()
        answer = connection.getresponse()
        return Got(answer.status, answer.headers, answer.read().decode())


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    lake = record_lake.make(tmp_path)
    (tmp_path / "secret.html").write_text(SECRET)
    (lake.root / "secret").write_text(SECRET)
    (lake.root.parent / "manifest.json").write_text(SECRET)
    with served_pages.running(Home(lake.root.parent)) as port:
        yield Served(lake, port)


def path(artifact: Artifact) -> str:
    inputs = artifact.provenance.inputs
    page = page_links.audit_page(inputs.study, artifact.asset, artifact.partition, artifact.version)
    return page.removeprefix(page_links.AUDIT)


@pytest.fixture
def made(served: Served) -> list[Artifact]:
    source = record_lake.publish(served.lake, "raw_corpus", "stories")
    mix = record_lake.publish(served.lake, parents=[source])
    seed = record_lake.publish(served.lake, "pretrained_checkpoint", "plain|0", parents=[mix])
    return [source, mix, seed]


def test_the_pages_lead_from_the_studies_to_every_artifact(
    served: Served, made: list[Artifact]
) -> None:
    root = Read(served.get("/").html)
    assert root.links == [page_links.audit_study(STUDY), page_links.audit_glossary()]
    study = Read(served.get(f"/{STUDY}").html)
    for artifact in made:
        assert f"{page_links.AUDIT}{path(artifact)}" in study.links
        page = served.get(path(artifact))
        assert page.status == 200
        assert artifact.label in page.text
        assert artifact.digest in page.text


def test_a_page_names_parents_children_code_files_runs_and_signature(
    served: Served, made: list[Artifact]
) -> None:
    source, mix, seed = made
    got = served.get(path(mix))
    linked = Read(got.html).links
    assert f"{page_links.AUDIT}{path(source)}" in linked
    assert f"{page_links.AUDIT}{path(seed)}" in linked
    assert page_links.dagster_asset(STUDY, "curated_mix", "plain") in linked
    assert page_links.dagster_run("dagster-1") in linked
    assert page_links.mlflow_run("mlflow-1") in linked
    for said in ("0123456789abcdef", "the signature holds", "1 of 1 passed", "python", "0" * 64):
        assert said in got.text
    assert mix.manifest.files["rows"] in got.text


def test_a_signature_that_does_not_hold_is_said_first(served: Served, made: list[Artifact]) -> None:
    shutil.rmtree(served.lake.keys.folder / "trusted")
    (served.lake.keys.folder / "trusted").mkdir()
    got = served.get(path(made[1]))
    assert got.status == 200
    assert '<p class="warning">' in got.html
    assert got.html.index('class="warning"') < got.html.index("<h1>")
    assert "the signature holds" not in got.text


def test_every_answer_carries_the_headers_that_keep_it_harmless(
    served: Served, made: list[Artifact]
) -> None:
    for target in ("/", path(made[0]), "/nothing"):
        headers = served.get(target).headers
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert "script-src" not in headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["Cache-Control"] == "no-store"
        assert headers["Content-Type"] == "text/html; charset=utf-8"


def test_head_is_get_without_its_content(served: Served, made: list[Artifact]) -> None:
    full, head = (served.get(path(made[0]), method) for method in ("GET", "HEAD"))
    assert head.status == 200
    assert head.html == ""
    assert head.headers["Content-Length"] == str(len(full.html.encode()))


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_nothing_but_reading_is_answered(served: Served, method: str) -> None:
    got = served.get("/", method)
    assert got.status == 405
    assert "can only be read" in got.text


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:5001", "127.0.0.1.evil.example", "127.0.0.1:x", "[::1]"],
)
def test_a_foreign_host_name_is_refused(served: Served, host: str) -> None:
    got = served.get("/", host=host)
    assert got.status == 403
    assert STUDY not in got.html


@pytest.mark.parametrize("host", ["127.0.0.1:5001", "localhost:5001", "localhost", "LOCALHOST:1"])
def test_this_machine_is_answered(served: Served, host: str) -> None:
    assert served.get("/", host=host).status == 200


@pytest.mark.parametrize(
    "target",
    [
        "/..%2f..%2fsecret.html",
        "/../../secret.html",
        "/%2e%2e/secret.html",
        "/secret",
        "/.",
        "/..",
        "/.staging",
        f"/{STUDY}/..%2f..%2f../secret/x/y",
        f"/{STUDY}/curated_mix/../../../secret",
        f"/{STUDY}/curated_mix/..%2f..%2f..",
        f"/{STUDY}/curated_mix/plain/..",
        f"/{STUDY}/curated_mix/plain/..%2f..%2f..%2fmanifest.json",
        f"/{STUDY}/journal.jsonl",
        "/%00",
        f"/{STUDY}%00",
        f"/{STUDY}/curated_mix/plain%00/x",
        "/%0d%0aSet-Cookie:%20a=b",
        "/" + "a" * 3000,
        "/" + "%2e" * 900,
        "/caf%C3%A9/%F0%9F%92%A9/%E2%80%AE/x",
        "/%ff%fe",
        "//[::1/x",
        "http://evil.example/",
        "*",
        "/<script>alert(1)</script>",
        "/%3Cscript%3Ealert(1)%3C/script%3E",
    ],
)
def test_an_address_that_names_no_page_is_one_clear_message(
    served: Served, made: list[Artifact], target: str
) -> None:
    got = served.get(target)
    assert got.status == 404
    assert SECRET not in got.html
    assert "Traceback" not in got.html
    assert "There is no such page" in got.text
    assert not got.headers["Set-Cookie"]
    assert Read(got.html).tags.isdisjoint({"script", "img"})


def test_near_matches_are_named(served: Served, made: list[Artifact]) -> None:
    mix = made[1]
    assert f"(near: {STUDY})" in served.get("/smal").text
    assert "(near: curated_mix" in served.get(f"/{STUDY}/curated_mx").text
    assert f"(near: curated_mix/plain/{mix.version})" in served.get(
        f"/{STUDY}/curated_mix/plain/{mix.version[:-1]}"
    ).text  # fmt: skip
    assert f"curated_mix/plain/{mix.version}" in served.get(f"/{STUDY}/curated_mix").text
    assert f"{mix.label} is no report" in served.get(f"{path(mix)}/report").text


def test_an_address_too_long_for_http_is_refused(served: Served) -> None:
    assert served.get("/" + "a" * 70_000).status in (400, 404), "as it comes in parts or at once"


@pytest.mark.parametrize(
    "request_",
    [
        b"GET /\xff HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"<b> / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n",
        b"\x16\x03\x01<script>\r\n\r\n",
    ],
)
def test_a_request_that_is_none_is_refused_with_nothing_of_it_repeated(
    served: Served, request_: bytes
) -> None:
    with socket.create_connection((page_links.HOST, served.port), 10) as connection:
        connection.sendall(request_)
        answer = connection.makefile("rb").read().decode()
    assert answer.startswith("HTTP/1.1 400 ")
    assert "content-type: text/plain" in answer.lower()
    assert answer.endswith("Invalid HTTP request received.")


def test_an_unforeseen_error_is_one_clear_page(
    served: Served, made: list[Artifact], monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    def broken(*_: object) -> str:
        raise OSError("the disk \x1b[31mis gone <b>")

    monkeypatch.setattr(site, "artifact_page", broken)
    got = served.get(path(made[0]))
    assert got.status == 500
    assert "OSError: the disk [U+001B][31mis gone <b>" in got.text
    assert "Traceback" not in got.html
    assert "\x1b" not in capfd.readouterr().err


def test_a_lake_that_is_written_meanwhile_is_read_as_it_is(
    served: Served, made: list[Artifact]
) -> None:
    done = threading.Event()

    def write() -> None:
        for number in range(12):
            record_lake.publish(served.lake, parents=[made[0]], declaration=f"d{number}")
        done.set()

    writer = threading.Thread(target=write)
    writer.start()
    statuses = []
    while not done.is_set():
        statuses += [served.get(target).status for target in ("/", f"/{STUDY}", path(made[0]))]
    writer.join()
    assert set(statuses) == {200}
    assert "13 artifacts were made from it" in served.get(path(made[0])).text


def test_no_lake_yet_is_a_page(tmp_path: Path) -> None:
    got = served_pages.page(Home(tmp_path), "/")
    assert got.status == 200
    assert "Nothing has been made yet" in got.html


def test_a_damaged_record_is_named(served: Served, made: list[Artifact]) -> None:
    (made[1].path / "provenance.json").write_text("{}")
    got = served.get(path(made[1]))
    assert got.status == 409
    assert "provenance.json: damaged" in got.text
    study = served.get(f"/{STUDY}")
    assert study.status == 200
    assert study.html.index("provenance.json: damaged") < study.html.index("<h1>")
    assert f"{page_links.AUDIT}{path(made[0])}" in Read(study.html).links


HOSTILE = '"><img src=x onerror=alert(1)>{{7*7}}'


def test_hostile_names_of_studies_and_partitions_lead_to_their_pages_as_text(
    served: Served,
) -> None:
    artifact = record_lake.publish(served.lake, "raw_corpus", HOSTILE, study=HOSTILE)
    for target in ("/", f"/{quote(HOSTILE, safe='')}", path(artifact)):
        got = served.get(target)
        assert got.status == 200
        seen = Read(got.html)
        assert "img" not in seen.tags
        assert HOSTILE in seen.text
        assert f"{page_links.AUDIT}{path(artifact)}" in seen.links or target == "/"
