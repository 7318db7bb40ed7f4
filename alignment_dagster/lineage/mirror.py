"""The lake in an object store: what several machines share of it.

    FORMAT                                              of the lake's records
    files/<sha256>                                      the bytes of every file, each once
    artifacts/<study>/<asset>/<partition>/<version>.json    file name → SHA-256
    journal/<study>/<number>.json                       one line each
    shared/keys/…, shared/lake/<study>/reviews/…        public keys and reviews, as they lie at home

An artifact is there once its list of files is: that comes last. Nothing is overwritten, so of two
machines that write the same name one is refused. Private keys stay where they are.
"""

import json
import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from alignment_dagster.foundation.atomic_files import atomic_file
from alignment_dagster.foundation.digests import canonical_json, sha256_file
from alignment_dagster.foundation.errors import ArtifactError
from alignment_dagster.lineage.object_store import ObjectStore
from alignment_dagster.lineage.signing import create_folder

ARTIFACTS, FILES, JOURNALS, SHARED = "artifacts/", "files/", "journal/", "shared/"
FORMAT_NAME = "FORMAT"
KEYS = ("keys/trusted/*.pem", "keys/reviewers/*.pub.pem")
REVIEWS = "reviews/*/[0-9]*.json"
SHA256 = re.compile(r"[0-9a-f]{64}")
SEGMENT = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*")


@dataclass(frozen=True)
class Mirror:
    """What an object store has of a lake.

    Artifacts are named by where they lie in the lake: `study/asset/partition/version`.
    """

    store: ObjectStore
    home: Path
    """The folder of the lake and the keys."""

    def prepare(self, format_: str) -> None:
        """Begin a lake where there is none.

        Raises:
            ArtifactError: if there is one of another format, or the store overwrites.
        """
        content = f"{format_}\n".encode()
        self.store.create(FORMAT_NAME, content)
        self.require(format_)
        if self.store.create(FORMAT_NAME, content):
            message = "overwrites what is there (it ignores If-None-Match): it cannot hold a lake"
            raise ArtifactError(f"{self.store.address}: {message}")

    def require(self, format_: str) -> None:
        """Refuse a lake that another version of this project wrote.

        Raises:
            ArtifactError: says which format it has.
        """
        content = self.store.get(FORMAT_NAME)
        found = "unknown" if content is None else content.decode("utf-8", "replace").strip()
        if found != format_:
            message = f"is a lake of format {found}, and this version reads format {format_}"
            raise ArtifactError(f"{self.store.address}: {message}")

    def artifacts(self, start: str = "") -> list[str]:
        """The artifacts in one study, asset or partition; `start` ends with a slash."""
        names = [name.removeprefix(ARTIFACTS) for name in self.store.names(ARTIFACTS + start)]
        found = [name.removesuffix(".json") for name in names if name.endswith(".json")]
        return [name for name in found if _is_artifact(name)]

    def has(self, artifact: str) -> bool:
        return self.store.has(f"{ARTIFACTS}{artifact}.json")

    def push(self, artifact: str, folder: Path) -> bool:
        """Write an artifact's files, then their list; whether the store has exactly that.

        Killed at any point, it can be done again: what was written then is there already.
        """
        self.push_shared(KEYS)
        files = {
            path.relative_to(folder).as_posix(): sha256_file(path)
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        }
        for name, digest in files.items():
            self.store.upload(FILES + digest, folder / name)
        return self.store.put(f"{ARTIFACTS}{artifact}.json", canonical_json(files).encode())

    def fetch(self, artifact: str, folder: Path) -> bool:
        """Bring an artifact's files to a folder; False where the store has none of that name.

        Raises:
            ArtifactError: names the file that is missing or altered in the store.
        """
        content = self.store.get(f"{ARTIFACTS}{artifact}.json")
        if content is None:
            return False
        for name, digest in self._listed(artifact, content).items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            found = self.store.download(FILES + digest, path)
            if found != digest:
                how = "is missing" if found is None else "was altered"
                where = f"{self.store.address}{FILES}{digest}"
                raise ArtifactError(f"{artifact}: {name} {how} in the store ({where})")
        self.pull_shared("keys/")
        return True

    def _listed(self, artifact: str, content: bytes) -> dict[str, str]:
        """The list of files; nothing in it leads out of the artifact's folder."""
        try:
            files = dict(json.loads(content))
            for name, digest in files.items():
                if not SHA256.fullmatch(digest) or not _is_inside(name):
                    raise ValueError(f"{name!r}: {digest!r}")
        except (ValueError, TypeError) as error:
            raise ArtifactError(f"{artifact}: its list in the store is damaged ({error})") from None
        return files

    def push_shared(self, patterns: tuple[str, ...]) -> None:
        """Write public keys and reviews of this home that the store does not have.

        Raises:
            ArtifactError: if it has another file of that name.
        """
        paths = sorted(path for pattern in patterns for path in self.home.glob(pattern))
        for path in paths:
            name = path.relative_to(self.home).as_posix()
            if not self.offer(path, path.read_bytes()):
                raise ArtifactError(f"{path}: {self.store.address}{SHARED}{name} is another one")

    def offer(self, path: Path, content: bytes) -> bool:
        """Whether the store has exactly this under the path's name now."""
        return self.store.put(SHARED + path.relative_to(self.home).as_posix(), content)

    def pull_shared(self, start: str) -> None:
        """Bring the public keys and reviews that this home does not have."""
        for name in self.store.names(SHARED + start):
            relative = name.removeprefix(SHARED)
            path = self.home / relative
            if path.exists() or not _is_shared(relative):
                continue
            content = self.store.get(name)
            if content is not None:
                create_folder(path.parent)
                with atomic_file(path) as aside:
                    aside.write_bytes(content)
                    aside.chmod(0o644)


@dataclass(frozen=True)
class Lines:
    """The lines of one study's journal, by number from 1."""

    mirror: Mirror
    study: str

    def get(self, number: int) -> str | None:
        content = self.mirror.store.get(self._name(number))
        return None if content is None else content.decode("utf-8", "surrogateescape")

    def put(self, number: int, line: str) -> bool:
        """Whether this line has that number now; another one may have been faster."""
        self.mirror.push_shared(KEYS)
        return self.mirror.store.put(self._name(number), line.encode("utf-8"))

    def pull_keys(self) -> None:
        self.mirror.pull_shared("keys/")

    def _name(self, number: int) -> str:
        return f"{JOURNALS}{self.study}/{number:08d}.json"


def _is_artifact(name: str) -> bool:
    parts = name.split("/")
    return len(parts) == 4 and all(SEGMENT.fullmatch(part) for part in parts)


def _is_inside(name: str) -> bool:
    path = PurePosixPath(name)
    return bool(name) and not path.is_absolute() and ".." not in path.parts and "\\" not in name


def _is_shared(name: str) -> bool:
    """Whether it is one of the files that are shared, whoever wrote the store's names."""
    path = PurePosixPath(name)
    return all(SEGMENT.fullmatch(part) for part in path.parts) and any(
        path.match(pattern) and len(path.parts) == pattern.count("/") + 1
        for pattern in (*KEYS, f"lake/*/{REVIEWS}")
    )
