"""The manifest of an artifact: a SHA-256 for every file, and one digest over them all."""

import json
from dataclasses import dataclass
from pathlib import Path

from alignment_dagster.foundation.digests import sha256_file, sha256_json
from alignment_dagster.foundation.errors import ArtifactError

MANIFEST = "manifest.json"
PROVENANCE = "provenance.json"
LOGGED = "logged.parquet"
"""What MLflow was told while the artifact was made."""
STATEMENT = "statement.json"
"""The signed record of all the others."""
COLLECTED = "collected.json"
"""The tombstone of an artifact whose files were collected as garbage."""
BESIDE = frozenset({MANIFEST, PROVENANCE, LOGGED, STATEMENT, COLLECTED})


@dataclass(frozen=True)
class Manifest:
    """File name (relative, with `/`) → hex SHA-256, and sizes in bytes."""

    files: dict[str, str]
    sizes: dict[str, int]

    @property
    def digest(self) -> str:
        """Hex SHA-256 of the names and digests of all files: the content's identity."""
        return sha256_json(self.files)

    @classmethod
    def of(cls, folder: Path) -> "Manifest":
        """Hash every file of a folder except the records beside them."""
        names = sorted(
            path.relative_to(folder).as_posix()
            for path in folder.rglob("*")
            if path.is_file() and path.relative_to(folder).as_posix() not in BESIDE
        )
        return cls(
            {name: sha256_file(folder / name) for name in names},
            {name: (folder / name).stat().st_size for name in names},
        )

    @classmethod
    def read(cls, folder: Path) -> "Manifest":
        """The manifest as it was written.

        Raises:
            ArtifactError: if there is none, or it is not one.
        """
        try:
            stored = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
            return cls(dict(stored["files"]), dict(stored["sizes"]))
        except FileNotFoundError:
            raise ArtifactError(f"{folder}: there is no such artifact (no {MANIFEST})") from None
        except (ValueError, KeyError, TypeError) as error:
            raise ArtifactError(f"{folder / MANIFEST}: damaged ({error!r})") from None

    def write(self, folder: Path) -> None:
        content = {"digest": self.digest, "files": self.files, "sizes": self.sizes}
        (folder / MANIFEST).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def differences(folder: Path, stored: Manifest) -> list[str]:
    """What is not as the manifest says, file by file; empty where all bytes are the same."""
    actual = Manifest.of(folder)
    problems = [f"{name} is missing" for name in stored.files if name not in actual.files]
    problems += [f"{name} was added" for name in actual.files if name not in stored.files]
    problems += [
        f"{name} was changed"
        for name, digest in stored.files.items()
        if actual.files.get(name, digest) != digest
    ]
    return problems
