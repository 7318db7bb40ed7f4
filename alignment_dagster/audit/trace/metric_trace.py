"""Everything behind a metric, counted at every level: what it was measured on, what was read."""

from dataclasses import dataclass

from alignment_dagster.audit.metrics import metric_name
from alignment_dagster.audit.open_report import Opened
from alignment_dagster.audit.trace.chain import Chain, chain_of
from alignment_dagster.audit.trace.documents import heaviest
from alignment_dagster.audit.trace.measurement import Measured, measured
from alignment_dagster.audit.trace.parquet import Row, parquet
from alignment_dagster.audit.trace.selection import decisions, fine_tuned_on, trained_tokenizer
from alignment_dagster.audit.trace.training import (
    MixTotals,
    ReadTotals,
    gaps,
    mix_totals,
    read_totals,
)
from alignment_dagster.lineage.lake import Artifact
from alignment_dagster.report.results import ResultRow

TOP = 10
"""Documents and items that are shown."""


@dataclass(frozen=True)
class Trace:
    """A metric and everything behind it."""

    study: str
    report: Artifact
    chain: Chain
    measured: Measured
    mixes: list[MixTotals]
    read: list[ReadTotals]
    fine_tuned_on: dict[str, list[Row]]
    """Stage after pretraining → its documents by source."""
    decisions: list[Row]
    """What the recipe kept and dropped, by source and rule."""
    tokenizer: list[Row]
    """What the vocabulary was trained on, by source."""
    top: dict[str, list[Row]]
    """Mix → its documents with the most tokens."""
    gaps: list[str]
    """Where the totals do not add up; nothing as a rule."""

    @property
    def name(self) -> str:
        return metric_name(self.chain.row)


def trace(opened: Opened, row: ResultRow, top: int = TOP) -> Trace:
    """Count everything behind a metric of a report.

    Args:
        top: how many items, and how many documents of a mix, are shown in full.

    Raises:
        ArtifactError: if an artifact behind the metric is not in the lake.
    """
    chain = chain_of(opened.archive, row)
    with parquet() as connection:
        mixes, read = mix_totals(connection, chain), read_totals(connection, chain)
        return Trace(
            study=opened.archive.study,
            report=opened.report,
            chain=chain,
            measured=measured(connection, chain, opened.report, top),
            mixes=mixes,
            read=read,
            fine_tuned_on={
                stage: fine_tuned_on(connection, chain, stage) for stage in chain.fine_tuning
            },
            decisions=decisions(connection, chain),
            tokenizer=trained_tokenizer(connection, opened.archive, chain.tokenizers),
            top={mix.label: heaviest(connection, chain, mix, top) for mix in chain.mixes},
            gaps=gaps(mixes, read),
        )
