"""A home that was run once, put back at the same path before every injection."""

import contextlib
import os
import shutil
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from drills.place import SMALL, Place, create
from drills.soak.clock import Clock
from drills.warm import Driver

REFRESH: Mapping[str, Any] = {
    "schedule": {"cron": "0 3 * * *"},
    "drift": {"volume": {"warn": 5}, "scores": {"warn": 20}, "new_terms": {"warn": 0.9}},
}
"""The whole chain that refreshes by itself; the few documents may move as far as they like."""
RANKS = 2
"""Processes that share a pretraining: each of them may be signalled."""
WHOLE: Mapping[str, Any] = {
    "recipes": [], "seeds": [], "first": None, "last": None, "workers": 2
}  # fmt: skip


class Skip(Exception):
    """Why an injection cannot be made on this machine."""


def may_mount() -> bool:
    """Whether this process may have a small file system of its own."""
    return os.geteuid() == 0 and shutil.which("mount") is not None


class Stoppable(Protocol):
    """Processes that run until they are stopped."""

    def stop(self) -> None: ...


@dataclass
class Bench:
    """One study's folder, and the processes that work on it; used by one injection at a time."""

    folder: Path
    drivers: list[Driver] = field(default_factory=list)
    mounted: list[Path] = field(default_factory=list)
    services: Stoppable | None = None
    """Dagster's processes on the home, while they run."""

    @property
    def place(self) -> Place:
        return Place(self.folder / "study")

    @property
    def kept(self) -> Path:
        return self.folder / "once"

    @property
    def clock(self) -> Clock:
        """Of all that the drivers start."""
        return Clock(self.folder / "clock")

    def set_back(self, by: int) -> None:
        """Set the clock back."""
        if not self.clock.environment:
            raise Skip("there is no C compiler, which a clock of its own needs")
        self.clock.set_back(by)

    def driver(self, number: int = 0) -> Driver:
        """A warm process; the second one is started where two commands run at once."""
        while len(self.drivers) <= number:
            self.drivers.append(Driver(self.clock.environment))
        return self.drivers[number]

    def begin(self) -> Place:
        """The home as it was after one whole run."""
        self.end_services()
        self.unmount()
        if self.clock.environment:
            self.clock.set_back(0)
        if not self.kept.exists():
            self._run_once()
        shutil.rmtree(self.place.folder, ignore_errors=True)
        shutil.copytree(self.kept, self.place.folder, symlinks=True)
        return self.place

    def _run_once(self) -> None:
        shutil.rmtree(self.place.folder, ignore_errors=True)
        training = {**SMALL["pretraining"], "ranks": RANKS}
        create(self.place.folder, seeds=[0], refresh=REFRESH, pretraining=training)
        self.place.start(self.driver(), "run", **WHOLE)
        if self.driver().end() != 0:
            raise RuntimeError(f"the study cannot be run: see {self.place.log}")
        shutil.copytree(self.place.folder, self.kept, symlinks=True)

    def mount(self, path: Path, size: int) -> None:
        """Move a folder to a file system of its own, of so many bytes."""
        if not may_mount():
            raise Skip("only root may mount a file system of its own")
        aside = path.with_suffix(".aside")
        path.rename(aside)
        path.mkdir()
        _call("mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(path))
        self.mounted.append(path)
        shutil.copytree(aside, path, symlinks=True, dirs_exist_ok=True)
        shutil.rmtree(aside)

    def leave(self, path: Path, left: int) -> None:
        """Give a mounted file system so many bytes beside what it holds."""
        for _ in range(50):
            room = os.statvfs(path)
            used = (room.f_blocks - room.f_bfree) * room.f_frsize
            size = f"remount,size={max(used + left, room.f_frsize)}"
            with contextlib.suppress(Skip):  # it has grown meanwhile
                _call("mount", "-o", size, str(path))
                return
        raise Skip(f"{path} cannot be made smaller")

    def bind(self, path: Path) -> None:
        """Make a folder read-only in its place, until `unmount`."""
        if not may_mount():
            raise Skip("only root may mount a folder read-only")
        _call("mount", "--bind", str(path), str(path))
        self.mounted.append(path)
        _call("mount", "-o", "remount,ro,bind", str(path))

    def unmount(self) -> None:
        """Take away what was mounted."""
        while self.mounted:
            path = self.mounted[-1]
            for _ in range(20):
                if subprocess.run(["umount", str(path)], capture_output=True).returncode == 0:
                    break
                time.sleep(0.5)  # a process that ends holds a file open
            else:
                _call("umount", "--lazy", str(path))
            self.mounted.pop()

    def keep(self, name: str) -> Path:
        """Put the home aside as it is, for whoever looks at what went wrong."""
        target = self.folder / name
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(self.place.folder, target, symlinks=True)
        return target

    def start_anew(self) -> None:
        """After a failure: whatever still runs would disturb the next injection."""
        self.end_services()
        for driver in self.drivers:
            driver.kill()
        self.drivers.clear()

    def end_services(self) -> None:
        if self.services is not None:
            self.services.stop()
            self.services = None

    def close(self) -> None:
        self.end_services()
        self.unmount()
        for driver in self.drivers:
            driver.close()


def _call(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise Skip(f"{command[0]} refuses: {done.stderr.strip()}")
