"""Writing the files of a dossier so that equal content gives equal bytes."""

import gzip
import json
import shutil
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alignment_dagster.foundation.atomic_files import atomic_file
from alignment_dagster.foundation.digests import CHUNK
from alignment_dagster.foundation.errors import ArtifactError

EPOCH = (1980, 1, 1, 0, 0, 0)
"""The earliest time that a zip can hold: a file's time would differ from writing to writing."""
PERMISSIONS = 0o644 << 16
UNIX = 3


def write_rows(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """JSON lines; compressed where the name says so."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        if path.suffix != ".gz":
            file.writelines(map(_line, rows))
            return
        with gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0) as packed:
            for row in rows:
                packed.write(_line(row))


def _line(row: Mapping[str, Any]) -> bytes:
    text = json.dumps(row, ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-8", "surrogatepass") + b"\n"


@contextmanager
def new_file(target: Path) -> Iterator[Path]:
    """A path to write to; it becomes `target` at the end, and nothing is left if anything fails.

    Raises:
        ArtifactError: if `target` exists, or cannot be written.
    """
    if target.exists() or target.is_symlink():
        raise ArtifactError(f"{target}: exists already")
    if not target.parent.is_dir():
        raise ArtifactError(f"{target}: there is no folder {target.parent}")
    try:
        with atomic_file(target, replace=False) as aside:
            yield aside
    except FileExistsError:
        raise ArtifactError(f"{target}: exists already") from None
    except OSError as error:
        raise ArtifactError(f"{target}: was not written ({error})") from None


def write_zip(folder: Path, target: Path) -> None:
    """All files of a folder, sorted by name, without times; what is compressed stays as it is."""
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*")
                   if path.is_file())  # fmt: skip
    with zipfile.ZipFile(target, "w") as archive:
        for name in names:
            entry = zipfile.ZipInfo(name, EPOCH)
            packed = name.endswith(".gz")
            entry.compress_type = zipfile.ZIP_STORED if packed else zipfile.ZIP_DEFLATED
            entry.create_system, entry.external_attr = UNIX, PERMISSIONS
            entry.file_size = (folder / name).stat().st_size
            with (folder / name).open("rb") as source, archive.open(entry, "w") as member:
                shutil.copyfileobj(source, member, CHUNK)
