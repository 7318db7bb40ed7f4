"""A clock that is set back under everything that a command starts; the kernel's stays as it is.

Only root may set the clock of a machine, and everybody else on it would be struck as well. Every
process of a bench is told the time by a small library instead (`clock.c`), whatever asks: Python,
SQLite, DuckDB, dbt. Times of change of files alone are the kernel's.
"""

import shutil
import struct
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

SOURCE = Path(__file__).with_suffix(".c")


@dataclass(frozen=True)
class Clock:
    """The clock of one bench."""

    folder: Path

    @property
    def environment(self) -> Mapping[str, str]:
        """What a process is started with to have this clock; empty without a C compiler."""
        if shutil.which("cc") is None:
            return {}
        library, seconds = self.folder / "clock.so", self.folder / "clock"
        if not library.exists():
            self.folder.mkdir(parents=True, exist_ok=True)
            seconds.write_bytes(bytes(8))
            command = ["cc", "-shared", "-fPIC", "-O1", "-o", str(library), str(SOURCE)]
            subprocess.run(command, check=True)
        return {"LD_PRELOAD": str(library), "SOAK_CLOCK": str(seconds)}

    def set_back(self, by: int) -> None:
        """By so many seconds from the kernel's time, at once and until the next call."""
        with (self.folder / "clock").open("r+b") as file:  # it is mapped: never made anew
            file.write(struct.pack("=q", by))
