"""Cores, memory and disk, and whether the home's file system suits its databases."""

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path

from alignment_dagster.engines.limits import usable_cores, usable_memory
from alignment_dagster.foundation.databases import FULL
from alignment_dagster.foundation.home import Home
from alignment_dagster.preflight.machine.finding import Finding, Verdict

NETWORK = (
    *("9p", "afs", "beegfs", "ceph", "cifs", "gfs2", "glusterfs", "gpfs", "lustre", "ncpfs"),
    *("nfs", "nfs4", "ocfs2", "smb3", "smbfs", "fuse.ceph", "fuse.glusterfs", "fuse.s3fs"),
    *("fuse.sshfs", "fuse.gcsfuse", "fuse.juicefs"),
)
"""File systems on which other machines write too; SQLite's locks do not hold on all of them."""
FEW_BYTES = 3 << 30
"""What the default study and an installation take."""


def examine_resources(home: Home) -> Iterator[Finding]:
    """Cores, memory, disk, file system, databases."""
    cores, seen = usable_cores(), os.cpu_count() or 1
    fewer = f" of the {seen} that the machine has (affinity or control group)"
    yield Finding("cores", Verdict.OK, f"{cores} may be used" + (fewer if cores < seen else ""))
    memory = usable_memory()
    words = f"{memory.available / 2**30:.1f} of {memory.total / 2**30:.1f} GiB are free"
    little = memory.available < FEW_BYTES
    note = "; the default study takes about 3" if little else ""
    yield Finding("memory", Verdict.NOTE if little else Verdict.OK, words + note)
    folder = _existing(home.root)
    free = shutil.disk_usage(folder).free
    verdict = Verdict.BROKEN if free < FULL else Verdict.NOTE if free < FEW_BYTES else Verdict.OK
    yield Finding("disk", verdict, f"{free / 2**30:.1f} GiB are free for {home.root}")
    yield _examine_file_system(folder)


def file_system(folder: Path, mounts: Path = Path("/proc/self/mountinfo")) -> str | None:
    """The kind of the file system that a folder lies on; None where the system does not say.

    Args:
        mounts: as `proc_pid_mountinfo(5)` describes it.
    """
    try:
        lines = mounts.read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    found: tuple[Path, str | None] = Path(), None
    for line in lines:
        fields, _, kind = line.partition(" - ")
        point = Path(fields.split()[4].encode().decode("unicode_escape"))
        # Of several mounts on one place the last one is seen.
        if folder.is_relative_to(point) and len(point.parts) >= len(found[0].parts):
            found = point, kind.split()[0]
    return found[1]


def _examine_file_system(folder: Path) -> Finding:
    kind = file_system(folder) or "of an unknown kind"
    problem = _lock_problem(folder)
    if problem:
        words = f"{kind}: SQLite cannot work on it: {problem}"
        return Finding("file system", Verdict.BROKEN, words)
    if kind in NETWORK:
        words = (
            f"{kind}, over a network: SQLite is safe there for processes of one machine alone; "
            "several need Postgres and object storage (docs/team.md)"
        )
        return Finding("file system", Verdict.NOTE, words)
    return Finding("file system", Verdict.OK, f"{kind}; SQLite's locks hold")


def _lock_problem(folder: Path) -> str | None:
    """Why a second writer of a SQLite database in a folder is not held off, or none can write."""
    try:
        with tempfile.TemporaryDirectory(prefix=".alignment-doctor-", dir=folder) as aside:
            path = Path(aside) / "lock.db"
            first, second = (sqlite3.connect(path, timeout=0) for _ in range(2))
            try:
                first.execute("create table t (x)")
                first.execute("begin exclusive")
                second.execute("begin exclusive")
            except sqlite3.OperationalError as error:
                return None if "locked" in str(error) else str(error)
            finally:
                first.close()
                second.close()
    except OSError as error:
        return f"{folder}: {error.strerror}"
    return "its locks do not hold"


def _existing(folder: Path) -> Path:
    """The folder, or the nearest one above that there is."""
    return next(one for one in (folder, *folder.parents) if one.is_dir())
