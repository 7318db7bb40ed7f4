"""Where all parts of a check put what they find, and what they look at."""

import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from alignment_dagster.audit.check.report import Gap
from alignment_dagster.foundation.home import Home
from alignment_dagster.lineage.archive import Archive
from alignment_dagster.lineage.lake import Artifact
from alignment_dagster.lineage.partition_keys import partition_label
from alignment_dagster.lineage.provenance import Key


@dataclass
class Findings:
    """Gaps, notes and counts so far; each gap once."""

    gaps: dict[Gap, None] = field(default_factory=dict)
    notes: dict[str, None] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)

    def gap(self, kind: str, subject: str, message: str) -> None:
        """Something does not fit."""
        self.gaps[Gap(kind, subject, message)] = None

    def gap_if(self, wrong: object, kind: str, subject: str, message: str) -> None:
        """Something does not fit where `wrong` is true."""
        if wrong:
            self.gap(kind, subject, message)

    def note(self, text: str) -> None:
        """Worth saying, and no gap."""
        self.notes[text] = None

    @contextmanager
    def guard(self, kind: str, subject: str) -> Iterator[None]:
        """Whatever cannot be read becomes a gap: damaged files can raise anything."""
        try:
            yield
        except Exception as error:
            text = str(error).strip().splitlines()
            said = f"{text[0] if text else ''} ({type(error).__name__})".strip()
            self.gap(kind, subject, f"cannot be read: {said}")


@dataclass(frozen=True)
class Scope:
    """The artifacts that are checked, those that they may look at, and where findings go."""

    archive: Archive
    home: Home
    artifacts: Mapping[Key, Artifact]
    """Those that are checked, in the chain's order."""
    known: Mapping[Key, Artifact]
    """Those that can be read: also parents that are not checked themselves."""
    findings: Findings
    children: Mapping[Key, tuple[Key, ...]]
    """What was made from each."""

    @property
    def study(self) -> str:
        return self.archive.study

    def checked(self, *assets: str) -> Iterator[Artifact]:
        """The checked artifacts of these assets."""
        return (artifact for artifact in self.artifacts.values() if artifact.asset in assets)

    def parents(self, artifact: Artifact, asset: str) -> list[Artifact]:
        """The parents of that asset that can be read, each once, in the order recorded."""
        keys = dict.fromkeys(
            parent.key for parent in artifact.provenance.inputs.parents if parent.asset == asset
        )
        return [self.known[key] for key in keys if key in self.known]

    def parent(self, artifact: Artifact, asset: str, partition: str | None = None) -> Artifact:
        """The only such parent.

        Raises:
            LookupError: if there is none, or several.
        """
        found = [one for one in self.parents(artifact, asset) if partition in (None, one.partition)]
        if len(found) != 1:
            raise LookupError(f"{len(found)} parents {partition_label(asset, partition)}")
        return found[0]


def count_workers() -> int:
    """As many as there are processors."""
    return os.cpu_count() or 1


Part = Callable[[Scope], None]
"""One part of a check: looks, and puts what it finds into the scope's findings."""
