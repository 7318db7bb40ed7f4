"""The git checkout that the code or the declarations lie in: its commit, and what differs from it.

What git remembers of its own files is not asked: a flag in the index (assume-unchanged), a
variable (`GIT_DIR`), a filter, an ignore rule or a replaced object would have it call changed code
unchanged. What lies there is compared with the blobs of the commit, byte for byte.
"""

import hashlib
import io
import os
import re
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from alignment_dagster.foundation.home import assets_folder
from alignment_dagster.foundation.shipped import PACKAGE, shipped

COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
SYMLINK, SUBMODULE = "120000", "160000"
WRITTEN_BY_TOOLS = frozenset({"__pycache__", "target", "logs"})
"""Folders of Python and dbt in which new files are no code."""
SECONDS = 30
UNKNOWN = {"commit": "unknown", "dirty": "unknown"}


@dataclass(frozen=True)
class Blob:
    """A file of a commit."""

    mode: str
    identity: str
    """What git calls the content: a hash over it."""

    def is_at(self, path: Path) -> bool:
        """Whether exactly this lies there."""
        if path.is_symlink() != (self.mode == SYMLINK):
            return False
        try:
            content = os.fsencode(path.readlink()) if path.is_symlink() else path.read_bytes()
        except OSError:
            return False
        algorithm = "sha1" if len(self.identity) == 40 else "sha256"
        found = hashlib.new(algorithm, b"blob %d\0" % len(content), usedforsecurity=False)
        found.update(content)
        return found.hexdigest() == self.identity


@dataclass(frozen=True)
class Checkout:
    """A working tree with its repository."""

    root: Path

    @classmethod
    def around(cls, folder: Path) -> "Checkout | None":
        """The one that a folder lies in; None where it lies in none."""
        folders = (folder, *folder.parents)
        return next((cls(one) for one in folders if (one / ".git").exists()), None)

    def head(self) -> str | None:
        """The commit that is checked out; None where there is none, or no git."""
        found = self._git("rev-parse", "--verify", "HEAD^{commit}")
        return found.decode().strip() if found else None

    def is_changed(self, commit: str, read: Iterable[Path]) -> bool:
        """Whether a file that is tracked differs from the commit, or one is new where it is read.

        Args:
            read: folders whose files can change results.
        """
        status = self._git("status", "--porcelain", "--untracked-files=no")
        return status != b"" or any(self._differs(commit, folder) for folder in read)

    def has(self, commit: str, folder: Path) -> bool:
        """Whether a commit has anything in a folder."""
        return folder.is_relative_to(self.root) and bool(self.blobs(commit, folder))

    def blobs(self, commit: str, folder: Path) -> Mapping[Path, Blob] | None:
        """The files of a commit in a folder of the checkout; None where it is not known here."""
        if not COMMIT.fullmatch(commit):
            return None
        place = [] if folder == self.root else ["--", str(folder.relative_to(self.root))]
        listed = self._git("ls-tree", "-r", "-z", "--full-tree", commit, *place)
        if listed is None:
            return None
        found = {}
        for line in listed.split(b"\0")[:-1]:
            told, _, name = line.partition(b"\t")
            mode, _, identity = told.decode().split(" ")
            found[self.root / os.fsdecode(name)] = Blob(mode, identity)
        return found

    def read(self, blobs: Mapping[Path, Blob]) -> dict[Path, bytes] | None:
        """The content of blobs, by their paths; None where the repository lacks one."""
        asked = "".join(f"{blob.identity}\n" for blob in blobs.values())
        told = io.BytesIO(self._git("cat-file", "--batch", given=asked.encode()) or b"")
        found = {}
        for path in blobs:
            size = told.readline().split(b" ")[-1].strip()
            if not size.isdigit():
                return None
            found[path] = told.read(int(size))
            told.read(1)
        return found

    def _differs(self, commit: str, folder: Path) -> bool:
        blobs = self.blobs(commit, folder)
        if blobs is None:
            return True
        there = (blob.is_at(path) for path, blob in blobs.items() if blob.mode != SUBMODULE)
        try:
            return not all(there) or any(path not in blobs for path in files_below(folder))
        except OSError:  # a folder that cannot be listed may hold anything
            return True

    def _git(self, *arguments: str, given: bytes | None = None) -> bytes | None:
        """What git says; None where it fails, or is not there."""
        own = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
        own["GIT_NO_LAZY_FETCH"] = "1"
        command = [
            "git", "-C", str(self.root), "--work-tree", str(self.root), "--no-replace-objects",
            "-c", "core.fsmonitor=false", *arguments,
        ]  # fmt: skip
        try:
            done = subprocess.run(
                command, input=given, capture_output=True, env=own, timeout=SECONDS
            )
        except (OSError, subprocess.TimeoutExpired):
            return None
        return done.stdout if done.returncode == 0 else None


def files_below(folder: Path) -> Iterator[Path]:
    """Every file below that something could read; what ignore rules say is about commits."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if not entry.is_dir(follow_symlinks=False):
                yield Path(entry.path)
            elif entry.name not in WRITTEN_BY_TOOLS:
                yield from files_below(Path(entry.path))


@cache
def git_state() -> dict[str, str]:
    """Commit and dirty flag of the checkout that the code lies in, or else the declarations do.

    Both are 'unknown' where neither lies in one. Dirty is a changed file that the checkout tracks,
    or a new one where it can change bytes: in the package, the dbt project, the declarations. A
    log that lies about is neither.
    """
    assets = assets_folder()
    for folder in (PACKAGE, assets):
        checkout = Checkout.around(folder)
        commit = checkout.head() if checkout else None
        if checkout and commit:
            # An environment may lie in the project's folder, with the package in it.
            code = (one for one in (PACKAGE, shipped("dbt_project")) if checkout.has(commit, one))
            read = [*code, *((assets,) if assets.is_relative_to(checkout.root) else ())]
            return {"commit": commit, "dirty": str(checkout.is_changed(commit, read)).lower()}
    return dict(UNKNOWN)
