"""One study's past: every artifact in the lake by its records, and how they hang together."""

import difflib
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property

from alignment_dagster.chain import CHAIN, CORPUS_DRIFT, EVAL_REPORT, place
from alignment_dagster.foundation.errors import ArtifactError
from alignment_dagster.lineage.journal import Entry
from alignment_dagster.lineage.lake import Artifact, Lake, label
from alignment_dagster.lineage.manifest import STATEMENT
from alignment_dagster.lineage.partition_keys import partition_at
from alignment_dagster.lineage.provenance import Parent
from alignment_dagster.lineage.tombstone import is_collected, read_tombstone

REPORT = EVAL_REPORT
SHORTEST = 4
"""Characters of a version that a person must give."""

Key = tuple[str, str | None, str]
"""Asset, partition, version."""


class Archive:
    """A study's artifacts, read by their records; no file of an artifact is opened or hashed."""

    def __init__(self, lake: Lake, study: str) -> None:
        """Open the study's part of a lake.

        Raises:
            ArtifactError: if there is no lake, it is of another format, holds nothing of that
                study, or what other machines made cannot be fetched.
        """
        self.lake = lake
        self.study = study
        lake.pull(study)
        if not lake.root.is_dir():
            raise ArtifactError(f"{lake.root}: there is no lake yet (ALIGNMENT_HOME says where)")
        lake.require_format()
        if not (lake.root / study).is_dir():
            known = sorted(path.name for path in lake.root.glob("[!.]*/"))
            there = ", ".join(known) or "nothing yet"
            raise ArtifactError(f"study {study!r}: the lake holds none of it (it holds: {there})")

    @cached_property
    def journal(self) -> tuple[Entry, ...]:
        """What became current, in order."""
        return tuple(self.lake.journal(self.study).entries())

    @cached_property
    def keys(self) -> tuple[Key, ...]:
        """Every artifact there is, by asset in the chain's order, partition, then version."""
        return tuple(sorted(self._found(), key=lambda key: (place(key[0]), key[1] or "", key[2])))

    def artifact(self, asset: str, partition: str | None, version: str) -> Artifact:
        """An artifact by its records.

        Raises:
            ArtifactError: if it is not in the lake (any more), or its records disagree.
        """
        key = (asset, partition, version)
        if key not in self._read:
            if key not in self.keys:
                raise ArtifactError(
                    f"{label(*key)}: is not in the lake: it was removed, or never made here"
                )
            self._read[key] = self.lake.peek(self.study, *key)
        return self._read[key]

    @cached_property
    def _read(self) -> dict[Key, Artifact]:
        return {}

    def all(self) -> list[Artifact]:
        """Every artifact there is."""
        return [self.artifact(*key) for key in self.keys]

    def kept(self) -> list[Artifact]:
        """Every artifact whose files are there: all but those that were collected as garbage."""
        return [one for one in self.all() if not is_collected(one.path)]

    def require_files(self, artifacts: Iterable[Artifact]) -> None:
        """That none of these artifacts was collected as garbage.

        Raises:
            ArtifactError: names the first that was.
        """
        for artifact in artifacts:
            self.lake.require_files(artifact)

    def collected(self, artifact: Artifact) -> str:
        """When and why it was collected as garbage, in words; empty where it was not."""
        try:
            stone = read_tombstone(artifact.path)
        except ArtifactError as error:
            return str(error)
        return stone.words if stone else ""

    def parent(self, parent: Parent) -> Artifact:
        """The artifact that a provenance names as an input."""
        return self.artifact(parent.asset, parent.partition, parent.version)

    def parents(self, artifact: Artifact) -> list[Artifact]:
        """What an artifact was made from, each once, in the order recorded."""
        found = {
            (parent.asset, parent.partition, parent.version): parent
            for parent in artifact.provenance.inputs.parents
        }
        return [self.parent(parent) for parent in found.values()]

    def closure(self, roots: Iterable[Artifact]) -> list[Artifact]:
        """The artifacts and everything they were made from, in the chain's order.

        Raises:
            ArtifactError: if an ancestor is not in the lake.
        """
        return self._reach(roots, self.parents)

    def behind(self, roots: Iterable[Artifact]) -> list[Artifact]:
        """What the artifacts rest on, and they themselves, in the chain's order.

        The earlier version that a source was compared with is not among it: none of its documents
        went into what came after.

        Raises:
            ArtifactError: if an ancestor is not in the lake.
        """
        return self._reach(roots, self.rests_on)

    def rests_on(self, artifact: Artifact) -> list[Artifact]:
        """What it was made from, each once, but for the earlier version of a drift check."""
        found = {(one.asset, one.partition, one.version): one for one in rested_on(artifact)}
        return [self.parent(parent) for parent in found.values()]

    def descendants(self, roots: Iterable[Artifact]) -> list[Artifact]:
        """The artifacts and everything made from them, in the chain's order."""
        return self._reach(roots, self.children)

    def children(self, artifact: Artifact) -> list[Artifact]:
        """What was made from an artifact; what was only compared with it is not."""
        key = (artifact.asset, artifact.partition, artifact.version)
        return [self.artifact(*child) for child in self._children.get(key, ())]

    @cached_property
    def _children(self) -> dict[Key, list[Key]]:
        children: dict[Key, list[Key]] = {}
        for artifact in self.all():
            own = (artifact.asset, artifact.partition, artifact.version)
            for parent in rested_on(artifact):
                made = children.setdefault((parent.asset, parent.partition, parent.version), [])
                if own not in made:
                    made.append(own)
        return children

    def current(self, asset: str, partition: str | None) -> Artifact:
        """What the journal says was current last.

        Raises:
            ArtifactError: if it never was made, or is no longer in the lake.
        """
        for entry in reversed(self.journal):
            if (entry.asset, entry.partition) == (asset, partition):
                return self.artifact(asset, partition, entry.version)
        raise ArtifactError(
            f"study {self.study!r} has no {label(asset, partition, '')[:-1]} yet: "
            f"alignment run {self.study}"
        )

    def report(self, version: str | None = None) -> Artifact:
        """A report by (the beginning of) its version; the current one without.

        Raises:
            ArtifactError: if there is none, or several begin so.
        """
        if version is None:
            return self.current(REPORT, None)
        return self.find(f"{REPORT}@{version.removeprefix(f'{REPORT}@')}")

    def find(self, name: str) -> Artifact:
        """An artifact by `asset[partition]@version`.

        The version may be cut short, or left out for the current one; a partition `recipe|seed`
        may also be written `recipe.seed` or `recipe,seed`.

        Raises:
            ArtifactError: if there is none (names near matches), or several fit.
        """
        asset, partition, version = parse(name)
        partition = self._partition(asset, partition)
        known = [key for key in self.keys if key[0] == asset]
        if not known:
            raise ArtifactError(unknown_asset(self, asset))
        there = [key for key in known if key[1] == partition]
        if not there:
            names = sorted({key[1] or "(none)" for key in known})
            raise ArtifactError(_unknown(f"partition of {asset}", partition or "(none)", names))
        if version is None:
            return self.current(asset, partition)
        fitting = [key for key in there if key[2].startswith(version)]
        if len(fitting) == 1 and len(version) >= SHORTEST:
            return self.artifact(*fitting[0])
        names = [key[2] for key in there]
        if len(fitting) > 1 or (fitting and len(version) < SHORTEST):
            raise ArtifactError(f"{name}: {len(fitting)} versions begin so: {', '.join(names)}")
        raise ArtifactError(
            _unknown(f"version of {label(asset, partition, '')[:-1]}", version, names)
        )

    def _partition(self, asset: str, partition: str | None) -> str | None:
        if partition is None:
            return None
        known = {key[1] for key in self.keys if key[0] == asset}
        for written in (partition, partition.replace(".", "|"), partition.replace(",", "|")):
            if written in known:
                return written
        return partition

    def _reach(
        self, roots: Iterable[Artifact], step: Callable[[Artifact], list[Artifact]]
    ) -> list[Artifact]:
        reached: dict[Key, Artifact] = {}
        waiting = list(roots)
        while waiting:
            artifact = waiting.pop()
            key = (artifact.asset, artifact.partition, artifact.version)
            if key not in reached:
                reached[key] = artifact
                waiting += step(artifact)
        ordered = sorted(reached, key=lambda key: (place(key[0]), key[1] or "", key[2]))
        return [reached[key] for key in ordered]

    def _found(self) -> Iterator[Key]:
        """Folders that hold a statement, at `asset/partition/version`."""
        for path in (self.lake.root / self.study).glob(f"*/*/*/{STATEMENT}"):
            version, folder, asset = path.parent.name, path.parents[1].name, path.parents[2].name
            if asset in CHAIN:
                yield asset, partition_at(asset, folder), version


def rested_on(artifact: Artifact) -> tuple[Parent, ...]:
    """Its parents; of a drift check the version that it is about, which is named first."""
    parents = artifact.provenance.inputs.parents
    return parents[:2] if artifact.asset == CORPUS_DRIFT else parents


def parse(name: str) -> tuple[str, str | None, str | None]:
    """`asset[partition]@version` in its parts; what is left out is None.

    Raises:
        ArtifactError: if it is not written so.
    """
    head, _, version = name.partition("@")
    asset, bracket, rest = head.partition("[")
    if not asset or (bracket and not rest.endswith("]")):
        raise ArtifactError(f"{name!r}: an artifact is named asset[partition]@version")
    return asset, rest[:-1] or None if bracket else None, version or None


def near(name: str, known: Sequence[str]) -> str:
    """Those that look like `name`, else the first few, for a message."""
    alike = difflib.get_close_matches(name, known, 5, 0.5)
    return ", ".join(alike or known[:8]) or "none"


def unknown_asset(archive: Archive, asset: str) -> str:
    """That there is no such asset, with those that look like it."""
    return _unknown("asset", asset, sorted({key[0] for key in archive.keys}))


def _unknown(what: str, name: str, known: Sequence[str]) -> str:
    return f"there is no {what} {name!r} (near: {near(name, known)})"
