"""An MLflow server that is killed, paused or stopped in a run, and an address that hangs."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

from drills.soak.ends import ends_well, tail
from drills.soak.scene import Scene

Act = Callable[[Scene], str]
MINUTE = 60.0
START_SECONDS = 90.0


def free_port() -> int:
    """A port that nobody listens to."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def mlflow_server(scene: Scene, port: int) -> Iterator["subprocess.Popen[bytes]"]:
    """`mlflow server` on the home's database, as `alignment ui` starts it."""
    command = [
        str(Path(sys.executable).parent / "mlflow"), "server",
        "--backend-store-uri", f"sqlite:///{scene.home / 'mlflow.db'}",
        "--artifacts-destination", (scene.home / "mlflow").as_uri(),
        "--host", "127.0.0.1", "--port", str(port), "--workers", "1",
    ]  # fmt: skip
    log = (scene.place.folder / "mlflow-server.log").open("ab")
    environment = {**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    process = subprocess.Popen(
        command, stdout=log, stderr=log, env=environment, start_new_session=True
    )
    try:
        _wait(f"http://127.0.0.1:{port}/health")
        yield process
    finally:
        _group(process, signal.SIGCONT)
        _group(process, signal.SIGKILL)
        process.wait(30)


def _wait(address: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(address, timeout=5):
                return
        except OSError:
            time.sleep(0.2)
    raise RuntimeError(f"{address} does not answer")


def _group(process: "subprocess.Popen[bytes]", number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, number)


def _ended(scene: Scene, number: signal.Signals) -> str:
    """The server ends in the middle of a run, and is started again a little later."""
    port = free_port()
    scene.environment = {"MLFLOW_TRACKING_URI": f"http://127.0.0.1:{port}"}
    scene.edit()
    with mlflow_server(scene, port) as server:
        process = scene.start("run")
        scene.sleep(process, scene.draw.uniform(1.0, 8.0))
        _group(server, number)
        server.wait(60)
    away = scene.draw.uniform(0.0, 5.0)
    scene.sleep(process, away)
    with mlflow_server(scene, port):
        code = scene.end()
        ends_well(scene)
    return f"away for {away:.0f} s and its start, exit {code}"


def _paused(scene: Scene, seconds: float) -> str:
    """The server does not answer for a while, then goes on."""
    port = free_port()
    scene.environment = {"MLFLOW_TRACKING_URI": f"http://127.0.0.1:{port}"}
    scene.edit()
    with mlflow_server(scene, port) as server:
        process = scene.start("run")
        scene.sleep(process, scene.draw.uniform(1.0, 6.0))
        _group(server, signal.SIGSTOP)
        scene.sleep(process, seconds)
        _group(server, signal.SIGCONT)
        code = scene.end()
        if code != 0:
            scene.wrong.append(f"a server that answered late ended the run: {tail(scene)}")
        ends_well(scene)
    return f"silent for {seconds:.0f} s, exit {code}"


def _hangs(scene: Scene) -> str:
    """A webhook that takes the connection and never answers."""
    declared = scene.place.study.load().declaration.model_dump(mode="json")["refresh"]
    webhook = {
        "kind": "webhook", "url_from": "SOAK_WEBHOOK",
        "moments": ["run_failed"], "timeout_seconds": 2
    }  # fmt: skip
    scene.place.study.change(refresh={**declared, "notifications": [webhook]})
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        address = f"http://127.0.0.1:{silent.getsockname()[1]}/hook"
        scene.environment = {"SOAK_WEBHOOK": address}
        begun = time.monotonic()
        code = scene.do("notify")
        took = time.monotonic() - begun
        if code == 0 or took > 15:
            scene.wrong.append(f"a webhook that hangs: exit {code} after {took:.0f} s")
        scene.edit()
        ends_well(scene, "night")
    return f"told after {took:.0f} s"


def kinds() -> dict[str, Act]:
    """Name → what does it."""
    ended = {
        f"{number.name} to the MLflow server": partial(_ended, number=number)
        for number in (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
    }
    return {
        **ended,
        "MLflow silent for a few seconds": partial(_paused, seconds=8.0),
        "MLflow silent for a minute": partial(_paused, seconds=MINUTE),
        "a webhook that hangs": _hangs,
    }
