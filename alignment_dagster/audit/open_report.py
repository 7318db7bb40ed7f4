"""A study's past, opened for a question: the archive, one report's ancestors, their ledgers."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from alignment_dagster.foundation.home import Home
from alignment_dagster.lineage.archive import Archive
from alignment_dagster.lineage.lake import Artifact, Lake

if TYPE_CHECKING:
    import duckdb


@dataclass(frozen=True)
class OpenedReport:
    """A report, everything behind it, and the ledgers over just that."""

    archive: Archive
    report: Artifact
    ancestors: list[Artifact]
    """What the report rests on and itself, in the chain's order."""

    @cached_property
    def ledgers(self) -> "duckdb.DuckDBPyConnection":
        """The views over them all; made when first asked for, as not every answer needs them."""
        from alignment_dagster.audit.ledgers import connect  # for weight: it needs DuckDB

        return connect(self.archive, self.ancestors)


def open_archive(study: str, home: Home | None = None) -> Archive:
    """A study's past.

    Raises:
        ArtifactError: if the lake holds nothing of it, or is of another format.
    """
    return Archive(Lake((home or Home.from_environment()).lake), study)


@contextmanager
def open_report(archive: Archive, version: str | None = None) -> Iterator[OpenedReport]:
    """A report with its ancestors and their ledgers; the current one without a version.

    Raises:
        ArtifactError: if there is no such report, or it or an ancestor is not in the lake, or was
            collected as garbage.
    """
    report = archive.report(version)
    ancestors = archive.ancestors([report], compared=False)
    archive.require_files([report, *ancestors])
    opened = OpenedReport(archive, report, ancestors)
    try:
        yield opened
    finally:
        if "ledgers" in vars(opened):
            opened.ledgers.close()
