"""Files at an address (`s3://…`, `gs://…`, `file://…`), through fsspec.

Credentials and endpoints come from the environment of each store's own client, never from a
declaration.
"""

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, BinaryIO

from alignment_dagster.corpus.files import Readable, has_wildcards, is_hidden, sha256_files
from alignment_dagster.foundation.errors import DataError, first_line

IDENTITIES = ("ETag", "etag", "md5Hash", "content_md5", "checksum")
"""What stores call the value that changes with an object's bytes."""


@dataclass(frozen=True)
class RemoteFile:
    """An object in a store, and its path relative to the declared address."""

    name: str
    path: str
    filesystem: Any

    def open(self) -> BinaryIO:
        return _of_the_store(self, lambda: self.filesystem.open(self.path, "rb"))  # type: ignore[no-any-return]

    def size(self) -> int:
        return int(self._info()["size"] or 0)

    def identity(self) -> str:
        """The store's own value for the object's bytes, or their SHA-256 where it has none."""
        info = self._info()
        found = next((str(info[key]) for key in IDENTITIES if info.get(key)), None)
        return sha256_files([self]) if found is None else found

    def _info(self) -> Any:
        return _of_the_store(self, lambda: self.filesystem.info(self.path))


def find_remote(source: str, address: str, declared: str) -> tuple[RemoteFile, ...]:
    """The objects below the address that a reader's `path` names; sorted by name.

    Raises:
        DataError: if the store cannot be asked, or nothing matches.
    """
    # Imported here for its weight.
    from fsspec.core import url_to_fs

    place = f"source {source!r}: reader.folder: {address}"
    try:
        # A client of its own: one that is kept remembers listings, and the environment as it was.
        filesystem, folder = url_to_fs(address, skip_instance_cache=True)
        base = folder.rstrip("/")
        pattern = f"{base}/{declared}"
        if has_wildcards(declared):
            found = filesystem.glob(pattern, detail=True)
            paths = sorted(path for path, info in found.items() if info["type"] == "file")
        else:
            paths = [pattern] if filesystem.isfile(pattern) else []
    except ImportError as error:
        raise DataError(f"{place}: the client of this store is not installed: {error}") from None
    except Exception as error:
        # Each store's client raises its own; all of them mean that it could not be asked.
        raise DataError(
            f"{place}: cannot be listed: {type(error).__name__}: {first_line(error)}"
        ) from None
    files = tuple(RemoteFile(path.removeprefix(base + "/"), path, filesystem) for path in paths)
    parts = PurePosixPath(declared)
    files = tuple(file for file in files if not is_hidden(PurePosixPath(file.name), parts))
    if not files:
        raise DataError(f"source {source!r}: reader.path: {declared!r}: nothing such in {address}")
    return files


def _of_the_store(file: Readable, ask: Any) -> Any:
    try:
        return ask()
    except OSError:
        raise
    except Exception as error:
        raise DataError(
            f"{file.name}: cannot be read: {type(error).__name__}: {first_line(error)}"
        ) from None
