"""A hub on the loopback interface: it answers what the hub's own client asks of one repository."""

import hashlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from tests.support.checkout import CHECKOUT


@contextmanager
def serving(
    repository: str, revision: str, files: Mapping[str, bytes], kind: str = "datasets"
) -> Iterator[tuple[str, list[str]]]:
    """Its address, and the files that were asked for so far; `kind` is `datasets` or `models`."""
    fetched: list[str] = []
    about = f"/api/{kind}/{repository}"
    start = f"/{repository}" if kind == "models" else f"/{kind}/{repository}"

    class Answers(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:
            self.do_GET()

        def do_GET(self) -> None:
            path = unquote(urlsplit(self.path).path)
            resolved = f"{start}/resolve/{revision}/"
            if path.startswith(resolved) and (name := path.removeprefix(resolved)) in files:
                if self.command == "GET":
                    fetched.append(name)
                self._send(200, files[name], {"ETag": f'"{_digest(files[name])}"'})
            elif path in (f"{about}/revision/{revision}", about):
                siblings = [{"rfilename": name} for name in files]
                found = {"id": repository, "sha": revision, "siblings": siblings, "private": False}
                self._send_json({**found, "tags": [], "downloads": 0, "likes": 0})
            elif path.startswith(f"{about}/tree/{revision}"):
                below = path.removeprefix(f"{about}/tree/{revision}").strip("/")
                self._send_json(list(_below(files, f"{below}/" if below else "")))
            elif path.startswith(f"{about}/revision/"):
                self._send(404, b"", {"X-Error-Code": "RevisionNotFound"})
            elif path.startswith(f"/api/{kind}/") or "/resolve/" in path:
                code = "EntryNotFound" if path.startswith(resolved) else "RepoNotFound"
                self._send(404, b"", {"X-Error-Code": code})
            else:
                self._send(404, b"", {})

        def _send_json(self, value: Any) -> None:
            self._send(200, json.dumps(value).encode(), {"Content-Type": "application/json"})

        def _send(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
            self.send_response(status)
            for name, value in {"X-Repo-Commit": revision, **headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", fetched
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _below(files: Mapping[str, bytes], folder: str) -> Iterator[dict[str, Any]]:
    names = [name.removeprefix(folder) for name in files if name.startswith(folder)]
    for name in dict.fromkeys(name.partition("/")[0] for name in names):
        whole = folder + name
        if whole in files:
            yield _entry(whole, files[whole])
        else:
            yield {"type": "directory", "path": whole, "oid": _digest(whole.encode())}


def _entry(name: str, content: bytes) -> dict[str, Any]:
    return {"type": "file", "path": name, "size": len(content), "oid": _digest(content)}


def _digest(content: bytes) -> str:
    return hashlib.sha1(content).hexdigest()


def ask_alone(
    program: str, cache: Path, asked: list[dict[str, Any]], **environment: str
) -> list[str]:
    """The lines that a process of its own prints: the hub's clients look at the environment once.

    Args:
        program: Python that reads `asked` as JSON from its first argument.
    """
    done = subprocess.run(
        [sys.executable, "-c", program, json.dumps(asked)],
        env={**os.environ, "PYTHONPATH": str(CHECKOUT), "HF_HOME": str(cache), **environment},
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()
