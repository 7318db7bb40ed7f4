"""A real Postgres of the system's package, on the loopback interface, in a folder of its own."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

USER, PASSWORD = "alignment", "a-secret-word"
PROGRAMS = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
SERVANT = "postgres"
"""Postgres refuses to run as root; its package brings this user."""


@dataclass(frozen=True)
class Postgres:
    """A running server."""

    port: int

    def url(self, database: str) -> str:
        return f"postgresql+psycopg2://{USER}:{PASSWORD}@127.0.0.1:{self.port}/{database}"

    def environment(self, suffix: str = "") -> Mapping[str, str]:
        """What a team sets, with databases whose names end so."""
        return {
            "DAGSTER_POSTGRES_URL": self.url(f"dagster{suffix}"),
            "MLFLOW_TRACKING_URI": self.url(f"mlflow{suffix}"),
        }

    def program(self, name: str, *arguments: str) -> str:
        """Run a client program; what it printed."""
        given = ["-h", "127.0.0.1", "-p", str(self.port), "-U", USER]
        done = subprocess.run(
            [str(PROGRAMS[-1].parent / name), *given, *arguments],
            env={**os.environ, "PGPASSWORD": PASSWORD},
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout

    def create(self, suffix: str = "") -> None:
        for name in ("dagster", "mlflow"):
            self.program("createdb", f"{name}{suffix}")

    def number(self, database: str, query: str) -> int:
        return int(self.program("psql", "-At", "-d", database, "-c", query))


@contextmanager
def serving() -> Iterator[Postgres]:
    folder = Path(tempfile.mkdtemp(prefix="postgres-"))
    try:
        _own(folder)
        password = folder / "password"
        password.write_text(PASSWORD)
        _own(password)
        _run("initdb", "-D", str(folder / "data"), "-U", USER, "-N", "--no-locale", "-E", "UTF8",
             "--auth=scram-sha-256", f"--pwfile={password}")  # fmt: skip
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        control = ["-D", str(folder / "data"), "-l", str(folder / "log"), "-w"]
        options = f"-c listen_addresses=127.0.0.1 -c fsync=off -p {port} -k {folder}"
        try:
            _run("pg_ctl", *control, "-o", options, "start")
            yield Postgres(port)
        finally:
            _run("pg_ctl", *control, "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder)


def _servant() -> dict[str, Any]:
    if os.geteuid() != 0:
        return {}
    entry = pwd.getpwnam(SERVANT)
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


def _own(path: Path) -> None:
    servant = _servant()
    if servant:
        os.chown(path, servant["user"], servant["group"])


def _run(name: str, *arguments: str) -> None:
    subprocess.run(
        [str(PROGRAMS[-1].parent / name), *arguments],
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=True,
        timeout=120,
        **_servant(),
    )
