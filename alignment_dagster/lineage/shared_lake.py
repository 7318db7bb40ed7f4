"""A lake and the store that it is shared through: what goes up and comes down, verified."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from alignment_dagster.foundation.atomic_files import flush_files, rename_once
from alignment_dagster.foundation.errors import ArtifactError
from alignment_dagster.lineage.journal import JOURNAL, Journal
from alignment_dagster.lineage.manifest import STATEMENT, Manifest, differences
from alignment_dagster.lineage.mirror import KEYS, REVIEWS, Lines, Mirror
from alignment_dagster.lineage.paths import folder_of
from alignment_dagster.lineage.provenance import read_provenance
from alignment_dagster.lineage.signing import Keys
from alignment_dagster.lineage.statement import verify_statement
from alignment_dagster.lineage.tombstone import is_collected

WHOLE = "was collected as garbage, and only a lake that is whole can be shared"
Staging = Callable[[], AbstractContextManager[Path]]


@dataclass(frozen=True)
class SharedLake:
    """The lake at `root`, shared through a mirror."""

    root: Path
    keys: Keys
    mirror: Mirror
    staging: Staging

    def prepare(self, format_: str) -> None:
        """Begin the store's lake where there is none, and give it what it lacks of this one.

        Raises:
            ArtifactError: if the store cannot be used, or what lies here is not as it was signed.
        """
        self.mirror.prepare(format_)
        there = set(self.mirror.artifacts())
        for path in sorted(self.root.glob(f"[!.]*/*/*/*/{STATEMENT}")):
            name = self.name(path.parent)
            if name not in there:
                if is_collected(path.parent):
                    raise ArtifactError(f"{name}: {WHOLE}")
                self._verify(path.parent, name)
                self.mirror.push(name, path.parent)
        for path in sorted(self.root.glob(f"[!.]*/{JOURNAL}")):
            self.journal(path.parent.name).catch_up()
        self.mirror.push_shared((*KEYS, f"lake/*/{REVIEWS}"))

    def journal(self, study: str) -> Journal:
        """The journal that all machines append to."""
        return Journal(self.root / study, self.keys, Lines(self.mirror, study))

    def pull(self, study: str) -> None:
        """Fetch all that the store has of a study: artifacts, journal, reviews and public keys.

        Raises:
            ArtifactError: names what cannot be fetched, or is not what was signed.
        """
        for name in self.mirror.artifacts(f"{study}/"):
            self.fetch(self.root / name)
        self.mirror.pull_shared("keys/")
        self.mirror.pull_shared(f"lake/{study}/")
        self.journal(study).catch_up()

    def fetch(self, path: Path) -> None:
        """An artifact that only the store has gets its name here once it has been verified.

        Raises:
            ArtifactError: names what cannot be fetched, or is not what was signed.
        """
        if path.exists():
            return
        with self.staging() as staged:
            if self.mirror.fetch(self.name(path), staged):
                self._verify(staged, self.name(path))
                flush_files(staged)
                rename_once(staged, path)

    def push(self, path: Path, folder: Path) -> bool:
        """Give the store the artifact that is to lie at `path`; False if it has another one."""
        return self.mirror.push(self.name(path), folder)

    def offer(self, path: Path, content: bytes) -> bool:
        """Give the store a review; False if it has another one of that number."""
        self.mirror.push_shared(KEYS)
        return self.mirror.offer(path, content)

    def versions(self, folder: Path) -> set[str]:
        """The versions that the store has of the partition whose folder this is."""
        return {name.rpartition("/")[2] for name in self.mirror.artifacts(f"{self.name(folder)}/")}

    def name(self, path: Path) -> str:
        """Where an artifact lies in the lake, with `/`."""
        return path.relative_to(self.root).as_posix()

    def _verify(self, folder: Path, name: str) -> None:
        """That a folder holds the artifact of that name, whole and signed."""
        manifest, provenance = Manifest.read(folder), read_provenance(folder)
        inputs = provenance.inputs
        own = folder_of(self.root, inputs.study, inputs.asset, inputs.partition)
        problems = differences(folder, manifest)
        if self.name(own / provenance.version) != name:
            problems.append("its records are those of another artifact")
        try:
            verify_statement(folder, manifest, provenance, self.keys)
        except ArtifactError as error:
            problems.append(str(error))
        if problems:
            raise ArtifactError(f"{name}: {'; '.join(problems)}")
