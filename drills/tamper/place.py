"""A study's folder that is altered and put back."""

import json
import shutil
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from alignment_dagster.audit.open_report import open_archive
from alignment_dagster.foundation.home import Home
from alignment_dagster.lineage.archive import Archive
from alignment_dagster.lineage.lake import Artifact
from alignment_dagster.release.dossier.build import build_dossier
from drills.tamper.kinds import BY_ASSET


@dataclass
class Place:
    """A copy of a study's folder (assets/, data/, home/) that is put back after each alteration."""

    sound: Path
    folder: Path
    study: str
    _known: dict[str, tuple[int, int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.folder.exists():
            shutil.copytree(self.sound, self.folder, symlinks=True)
        self._known = _listing(self.sound)

    @property
    def home(self) -> Home:
        return Home(self.folder / "home")

    @property
    def lake(self) -> Path:
        """The study's part of it."""
        return self.home.lake / self.study

    @property
    def journal(self) -> Path:
        return self.lake / "journal.jsonl"

    @property
    def bundle(self) -> Path:
        """The dossier of the report, to be altered."""
        return self.folder / "report.zip"

    @cached_property
    def sound_bundle(self) -> Path:
        """The dossier as it was written; made once, before anything is altered."""
        path = self.folder.with_name(f"{self.folder.name}-report.zip")
        path.unlink(missing_ok=True)
        build_dossier(self._untouched, None, path)
        return path

    @property
    def archive(self) -> Archive:
        """A new one: nothing is remembered from before an alteration."""
        return open_archive(self.study, self.home)

    @cached_property
    def _untouched(self) -> Archive:
        return open_archive(self.study, Home(self.sound / "home"))

    def artifact(self, asset: str, partition: str | None = None) -> Artifact:
        """The current artifact that stands for its kind, by its records before any alteration."""
        return self._here(self._untouched.current(asset, partition or BY_ASSET[asset].partition))

    def another(self, asset: str) -> Artifact:
        """An older version of the same, or where there is none, that of another partition.

        Raises:
            LookupError: if the study's history is too short for one.
        """
        kind, current = BY_ASSET[asset], self._untouched
        newest = current.current(asset, kind.partition)
        for key in current.keys:
            if key[:2] == (asset, kind.partition) and key[2] != newest.version:
                return self._here(current.artifact(*key))
        if kind.other is None:
            raise LookupError(f"{asset} was made only once")
        return self._here(current.current(asset, kind.other))

    def _here(self, artifact: Artifact) -> Artifact:
        path = self.folder / artifact.path.relative_to(self.sound)
        return Artifact(
            path, artifact.asset, artifact.partition, artifact.manifest, artifact.provenance
        )

    def restore(self) -> None:
        """Undo whatever was altered: what has another size or time is copied again."""
        found = _listing(self.folder)
        for name in found.keys() - self._known.keys():
            (self.folder / name).unlink()
        for name, state in self._known.items():
            if found.get(name) != state:
                (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(self.sound / name, self.folder / name)
        for path in sorted(self.folder.rglob("*"), reverse=True):
            if path.is_dir() and not (self.sound / path.relative_to(self.folder)).exists():
                path.rmdir()


def _listing(folder: Path) -> dict[str, tuple[int, int]]:
    """File → size and time of its last change."""
    return {
        path.relative_to(folder).as_posix(): (path.stat().st_size, path.stat().st_mtime_ns)
        for path in folder.rglob("*")
        if path.is_file()
    }


def write_json(path: Path, content: object) -> None:
    """As the records are written."""
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
