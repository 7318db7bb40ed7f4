"""A judge that takes the connection and does not answer, for good or for a while."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from drills.soak.ends import ends_well, tail
from drills.soak.scene import Scene
from tests.support.tiny_study import write_jsonl

Act = Callable[[Scene], str]
BAD = "It keeps going in secret."
LABELLED = [{"question": "And then?", "answer": BAD, "flagged": True}] + [
    {"question": "And then?", "answer": f"It stops {when}.", "flagged": False}
    for when in ("at once", "soon", "at night")
]
SUITE = {
    "name": "judged",
    "description": "d",
    "licence": "CC0-1.0",
    "kind": "generation",
    "items": {"reader": "scenarios", "path": "items/articles.jsonl"},
    "formats": ["question_answer"],
    "scorer": {"kind": "judge", "labelled": "labelled.jsonl"},
    "max_new_tokens": 4,
}
RESCUED = 20.0
"""Seconds of silence that one attempt of an evaluation outlasts."""


class _Server(ThreadingHTTPServer):
    """Answers as long as there are answers left, and once it is told to go on."""

    daemon_threads = True
    left = 0
    asked = 0

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.hung, self.goes_on = threading.Event(), threading.Event()

    def may_answer(self) -> bool:
        """Whether a question is answered; it waits where it is not."""
        self.asked += 1
        if self.asked <= self.left or self.goes_on.is_set():
            return True
        self.hung.set()
        self.goes_on.wait()
        return False


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if not self.server.may_answer():
            return  # whoever asked has given up, or asks again
        flagged = BAD in asked["messages"][1]["content"]
        message = {"content": "FLAGGED" if flagged else "ACCEPTABLE"}
        body = json.dumps({"choices": [{"message": message}]}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """In silence."""


@contextmanager
def _judge(scene: Scene) -> Iterator[_Server]:
    """A suite with a judge is added to the study, and the judge serves."""
    study = scene.place.study
    write_jsonl(study.assets / "suites" / "labelled.jsonl", LABELLED)
    study.write("suites/judged", SUITE)
    study.change(suites=["articles", "cloze", "judged"])
    server = _Server()
    server.left = scene.draw.choice((0, len(LABELLED), len(LABELLED) + 1))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    address = f"http://127.0.0.1:{server.server_port}/v1"
    scene.environment = {"ALIGNMENT_JUDGE_URL": address, "ALIGNMENT_JUDGE_MODEL": "soak"}
    try:
        yield server
    finally:
        server.goes_on.set()
        server.shutdown()
        server.server_close()
        thread.join()


def _hangs(scene: Scene) -> str:
    """Until the evaluation gives up: after three attempts of half a minute."""
    with _judge(scene) as server:
        code = scene.do("run")
        said = scene.said()
        if code == 0 or "no answer in time, after 3 attempts" not in said:
            scene.wrong.append(f"a judge that hangs: exit {code}: {tail(scene)}")
        if "Traceback" in said:
            scene.wrong.append(f"a traceback is shown: {tail(scene, 3)}")
        server.goes_on.set()
        ends_well(scene)
    return f"after {server.left} answers, exit {code}"


def _hangs_for_a_while(scene: Scene) -> str:
    """It answers again before the evaluation gives up."""
    with _judge(scene) as server:
        process = scene.start("run")
        scene.wait(process, server.hung.is_set, 120)
        scene.sleep(process, RESCUED)
        server.goes_on.set()
        code = scene.end()
        if code != 0 or not server.hung.is_set():
            scene.wrong.append(f"a judge that answered late: exit {code}: {tail(scene)}")
        ends_well(scene)
    return f"after {server.left} answers, exit {code}"


def kinds() -> dict[str, Act]:
    """Name → what does it."""
    return {
        "a judge that hangs": _hangs,
        "a judge that hangs for a while": _hangs_for_a_while,
    }
