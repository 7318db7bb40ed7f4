"""What other tools call the identity of data, computed over a study's folder: three of them.

A tool catches an alteration where what it says of the folder is no longer what it recorded.
"""

import json
import subprocess
import sys
import venv
from abc import ABC, abstractmethod
from collections import Counter
from pathlib import Path

import mlflow.data
import numpy as np
import pandas as pd

DVC = "dvc==3.67.1"
TRACKED = ("home/lake", "assets", "data")
"""What one gives to such a tool: data and declarations; not the databases of running services."""
UNREADABLE = "unreadable"

Identity = Counter[tuple[str, str]]
"""File, and what the tool says of it."""


class Tool(ABC):
    """One way of telling whether data are what they were."""

    name: str
    beside: bool
    """Whether its record lies beside the data, where whoever re-writes the data can re-write it."""

    @abstractmethod
    def record(self, folder: Path) -> None:
        """Remember the folder as it is now."""

    @abstractmethod
    def differs(self, folder: Path) -> bool:
        """Whether the folder is no longer what was recorded."""


class MlflowDigest(Tool):
    """`mlflow.data.from_pandas` and `from_numpy` over every table and array of the lake."""

    name = "MLflow's dataset digest"
    beside = False

    def __init__(self) -> None:
        self._digests: dict[tuple[str, int, int], str] = {}
        self._recorded: Identity = Counter()

    def record(self, folder: Path) -> None:
        self._recorded = self._identity(folder)

    def differs(self, folder: Path) -> bool:
        return self._identity(folder) != self._recorded

    def _identity(self, folder: Path) -> Identity:
        """Asset, partition and file → digest; versions are names of ours, and left out."""
        found: Identity = Counter()
        for path in sorted((folder / "home" / "lake").glob("*/*/*/*/**/*")):
            if path.suffix in (".parquet", ".npy"):
                parts = path.relative_to(folder / "home" / "lake").parts
                name = "/".join((*parts[:3], *parts[4:]))
                found[name, self._digest(path)] += 1
        return found

    def _digest(self, path: Path) -> str:
        told = path.stat()
        key = (str(path), told.st_size, told.st_mtime_ns)
        if key not in self._digests:
            self._digests[key] = _mlflow_digest(path)
        return self._digests[key]


def _mlflow_digest(path: Path) -> str:
    try:
        if path.suffix == ".npy":
            return str(mlflow.data.from_numpy(np.load(path, allow_pickle=False)).digest)
        return str(mlflow.data.from_pandas(pd.read_parquet(path)).digest)
    except Exception:
        return UNREADABLE


class PathAndSize(Tool):
    """A fingerprint of paths and sizes, as OLMo-core takes one of a dataset."""

    name = "path and size"
    beside = True

    def __init__(self) -> None:
        self._recorded: Identity = Counter()

    def record(self, folder: Path) -> None:
        self._recorded = self._identity(folder)

    def differs(self, folder: Path) -> bool:
        return self._identity(folder) != self._recorded

    def _identity(self, folder: Path) -> Identity:
        return Counter(
            (path.relative_to(folder).as_posix(), str(path.stat().st_size))
            for place in TRACKED
            for path in (folder / place).rglob("*")
            if path.is_file()
        )


class Dvc(Tool):
    """`dvc add` and `dvc status`, by DVC itself in an environment of its own."""

    name = "DVC"
    beside = True

    def __init__(self, environment: Path) -> None:
        python = environment / "bin" / "python"
        if not python.exists():
            venv.create(environment, with_pip=True)
            install = [str(python), "-m", "pip", "install", "--quiet", DVC]
            subprocess.run(install, check=True, stderr=subprocess.DEVNULL)
        server = Path(__file__).with_name("dvc_server.py")
        self._process = subprocess.Popen(
            [str(python), str(server)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def add(self, folder: Path) -> None:
        """Let DVC track the folder from now on."""
        self._ask("add", str(folder), *TRACKED)

    def record(self, folder: Path) -> None:
        self._ask("commit", str(folder))

    def differs(self, folder: Path) -> bool:
        return bool(self._ask("status", str(folder)))

    def _ask(self, *words: str) -> object:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(words) + "\n")
        self._process.stdin.flush()
        said = json.loads(self._process.stdout.readline())
        if isinstance(said, str):
            print(f"dvc {words[0]}: {said}", file=sys.stderr)
        return said
