"""What this study, or its smoke run, took when it was made here before."""

from collections.abc import Iterator
from dataclasses import dataclass

from alignment_dagster.foundation.errors import ArtifactError
from alignment_dagster.lineage.lake import Artifact, Lake
from alignment_dagster.lineage.partition_keys import Partition
from alignment_dagster.study.smoke import SUFFIX, is_smoke


@dataclass(frozen=True)
class Earlier:
    """An artifact whose seconds and bytes tell of another."""

    artifact: Artifact
    smoke: bool
    """Whether it is of the smoke run."""

    @property
    def seconds(self) -> float:
        """That it took."""
        return self.artifact.provenance.seconds

    @property
    def bytes(self) -> int:
        """Of its files."""
        return sum(self.artifact.manifest.sizes.values())

    @property
    def words(self) -> str:
        """Where it is from."""
        return "smoke run" if self.smoke else "made before"

    def measured(self, name: str) -> float | None:
        """What its job measured; None where it did not."""
        value = self.artifact.provenance.measured.get(name)
        return None if value is None else float(value)


class Evidence:
    """The current artifacts of a study and of its smoke run, by their records."""

    def __init__(self, lake: Lake, study: str) -> None:
        self.current = dict(_current(lake, study))
        small = {} if is_smoke(study) else dict(_current(lake, f"{study}{SUFFIX}"))
        self._found = [Earlier(one, smoke=False) for one in self.current.values()]
        self._found += [Earlier(one, smoke=True) for one in small.values()]

    def all(self, asset: str) -> list[Earlier]:
        """What there is of an asset, of the study itself first."""
        return [one for one in self._found if one.artifact.asset == asset]

    def nearest(self, asset: str, partition: Partition) -> Earlier | None:
        """Of this partition, else of another one of the asset; the smoke run's where there is no
        other."""
        there = self.all(asset)
        own = [one for one in there if one.artifact.partition == partition]
        whole = [one for one in there if not one.smoke]
        return next(iter([one for one in own if not one.smoke] + whole + own + there), None)


def _current(lake: Lake, study: str) -> Iterator[tuple[tuple[str, Partition], Artifact]]:
    """What the journal says was current last, as far as it is here."""
    if not (lake.root / study).is_dir():
        return
    last = {
        (entry.asset, entry.partition): entry.version for entry in lake.journal(study).entries()
    }
    for (asset, partition), version in last.items():
        if (lake.folder(study, asset, partition) / version).is_dir():
            try:
                yield (asset, partition), lake.read(study, asset, partition, version)
            except ArtifactError:
                continue  # `audit check` says what is wrong with it
