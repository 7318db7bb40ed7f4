"""One study's past: every artifact in the lake by its records, and how they hang together."""

import difflib
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property

from alignment_dagster.chain import CHAIN, EVAL_REPORT, place
from alignment_dagster.foundation.errors import ArtifactError
from alignment_dagster.lineage.ancestry import Graph, ancestry, descendants, graph_of, parent_keys
from alignment_dagster.lineage.journal_lines import Entry
from alignment_dagster.lineage.lake import Artifact, Lake, label
from alignment_dagster.lineage.manifest import STATEMENT
from alignment_dagster.lineage.partition_keys import partition_at, partition_label
from alignment_dagster.lineage.provenance import Key, Parent
from alignment_dagster.lineage.tombstone import is_collected, read_tombstone

REPORT = EVAL_REPORT
SHORTEST = 4
"""Characters of a version that a person must give."""


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
        return tuple(sorted(self._found(), key=chain_order))

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
            self._read[key] = self.lake.read(self.study, *key)
        return self._read[key]

    @cached_property
    def _read(self) -> dict[Key, Artifact]:
        return {}

    def all(self) -> list[Artifact]:
        """Every artifact there is."""
        return [self.artifact(*key) for key in self.keys]

    def with_files(self) -> list[Artifact]:
        """Every artifact whose files are there: all but those that were collected as garbage."""
        return [one for one in self.all() if not is_collected(one.path)]

    def require_files(self, artifacts: Iterable[Artifact]) -> None:
        """That none of these artifacts was collected as garbage.

        Raises:
            ArtifactError: names the first that was.
        """
        for artifact in artifacts:
            self.lake.require_files(artifact)

    def collection(self, artifact: Artifact) -> str:
        """When and why it was collected as garbage, in words; empty where it was not."""
        try:
            stone = read_tombstone(artifact.path)
        except ArtifactError as error:
            return str(error)
        return stone.words if stone else ""

    def parent(self, parent: Parent) -> Artifact:
        """The artifact that a provenance names as an input."""
        return self.artifact(*parent.key)

    def parents(self, artifact: Artifact, *, compared: bool = True) -> list[Artifact]:
        """What an artifact was made from, each once, in the order recorded.

        Args:
            compared: whether also what a drift check compared its source with.

        Raises:
            ArtifactError: if one is not in the lake.
        """
        return [self.artifact(*key) for key in parent_keys(artifact, compared=compared)]

    def ancestors(self, roots: Iterable[Artifact], *, compared: bool = True) -> list[Artifact]:
        """The artifacts and everything that they were made from, in the chain's order.

        Args:
            compared: whether also what drift checks compared sources with: earlier versions, none
                of whose documents went into what came after.

        Raises:
            ArtifactError: if one is not in the lake.
        """
        found = {root.key: root for root in roots}

        def parents(key: Key) -> list[Key]:
            if key not in found:
                found[key] = self.artifact(*key)
            return parent_keys(found[key], compared=compared)

        return [found[key] for key in sorted(ancestry(list(found), parents), key=chain_order)]

    def children(self, artifact: Artifact) -> list[Artifact]:
        """What was made from an artifact; what was only compared with it is not."""
        return [self.artifact(*key) for key in self._graph.adj.get(artifact.key, ())]

    def descendants(self, roots: Iterable[Artifact]) -> list[Artifact]:
        """The artifacts and everything that was made from them, in the chain's order."""
        found = {root.key: root for root in roots}
        keys = sorted(descendants(self._graph, list(found)), key=chain_order)
        return [found.get(key) or self.artifact(*key) for key in keys]

    @cached_property
    def _graph(self) -> Graph:
        return graph_of(self.all(), compared=False)

    def current(self, asset: str, partition: str | None) -> Artifact:
        """What the journal says was current last.

        Raises:
            ArtifactError: if it never was made, or is no longer in the lake.
        """
        for entry in reversed(self.journal):
            if (entry.asset, entry.partition) == (asset, partition):
                return self.artifact(asset, partition, entry.version)
        raise ArtifactError(
            f"study {self.study!r} has no {partition_label(asset, partition)} yet: "
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
        asset, partition, version = parse_name(name)
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
            _unknown(f"version of {partition_label(asset, partition)}", version, names)
        )

    def _partition(self, asset: str, partition: str | None) -> str | None:
        if partition is None:
            return None
        known = {key[1] for key in self.keys if key[0] == asset}
        for written in (partition, partition.replace(".", "|"), partition.replace(",", "|")):
            if written in known:
                return written
        return partition

    def _found(self) -> Iterator[Key]:
        """Folders that hold a statement, at `asset/partition/version`."""
        for path in (self.lake.root / self.study).glob(f"*/*/*/{STATEMENT}"):
            version, folder, asset = path.parent.name, path.parents[1].name, path.parents[2].name
            if asset in CHAIN:
                yield asset, partition_at(asset, folder), version


def chain_order(key: Key) -> tuple[int, str, str]:
    """To sort artifacts by: their place in the chain, partition, version."""
    return place(key[0]), key[1] or "", key[2]


def parse_name(name: str) -> tuple[str, str | None, str | None]:
    """`asset[partition]@version` in its parts; what is left out is None.

    Raises:
        ArtifactError: if it is not written so.
    """
    head, _, version = name.partition("@")
    asset, bracket, rest = head.partition("[")
    if not asset or (bracket and not rest.endswith("]")):
        raise ArtifactError(f"{name!r}: an artifact is named asset[partition]@version")
    return asset, rest[:-1] or None if bracket else None, version or None


def similar(name: str, known: Sequence[str]) -> str:
    """Those that look like `name`, else the first few, for a message."""
    alike = difflib.get_close_matches(name, known, 5, 0.5)
    return ", ".join(alike or known[:8]) or "none"


def unknown_asset(archive: Archive, asset: str) -> str:
    """That there is no such asset, with those that look like it."""
    return _unknown("asset", asset, sorted({key[0] for key in archive.keys}))


def _unknown(what: str, name: str, known: Sequence[str]) -> str:
    return f"there is no {what} {name!r} (near: {similar(name, known)})"
