"""Everything behind a metric, counted at every level: what it was measured on, what was read."""

from dataclasses import dataclass

from alignment_dagster.audit.open_report import OpenedReport
from alignment_dagster.audit.trace.arithmetic import Arithmetic, compute_steps, find_step_gap
from alignment_dagster.audit.trace.chain import Chain, Part, follow_chain
from alignment_dagster.audit.trace.documents import find_heaviest
from alignment_dagster.audit.trace.measurement import Measurement, count_measurement
from alignment_dagster.audit.trace.parquet import Row, connect_memory
from alignment_dagster.audit.trace.selection import (
    count_decisions,
    count_fine_tuning_documents,
    count_tokenizer_documents,
)
from alignment_dagster.audit.trace.training import (
    MixTotals,
    ReadTotals,
    count_mixes,
    count_reads,
    find_gaps,
)
from alignment_dagster.audit.trace.written import count_written
from alignment_dagster.lineage.lake import Artifact
from alignment_dagster.report.results import ResultRow

MAX_EXAMPLES = 10
"""Documents and items that are shown."""


@dataclass(frozen=True)
class Trace:
    """A metric and everything behind it."""

    study: str
    report: Artifact
    chain: Chain
    measurement: Measurement
    steps: Arithmetic
    """From the single answers (or losses) to the number."""
    mixes: list[MixTotals]
    read: list[ReadTotals]
    fine_tuned_on: dict[str, list[Row]]
    """Stage after pretraining → its documents by source."""
    decisions: list[Row]
    """What the recipe kept and dropped, by source and rule."""
    tokenizer: list[Row]
    """What the vocabulary was trained on, by source."""
    written: list[Row]
    """Of the documents that were written for the study, what was read: by form and writer."""
    top: dict[str, list[Row]]
    """Mix → its documents with the most tokens."""
    gaps: list[str]
    """Where the totals do not add up; nothing as a rule."""

    @property
    def name(self) -> str:
        return self.chain.name


def trace_metric(
    opened: OpenedReport, row: ResultRow, top: int = MAX_EXAMPLES, part: Part | None = None
) -> Trace:
    """Count everything behind a metric of a report.

    Args:
        row: the metric; of a part of its answers with the part's own numbers.
        top: how many items, and how many documents of a mix, are shown in full.

    Raises:
        ArtifactError: if an artifact behind the metric is not in the lake.
    """
    chain = follow_chain(opened.archive, row, part)
    with connect_memory() as connection:
        mixes, read = count_mixes(connection, chain), count_reads(connection, chain)
        steps = compute_steps(connection, chain)
        return Trace(
            study=opened.archive.study,
            report=opened.report,
            chain=chain,
            measurement=count_measurement(connection, chain, opened.report, top),
            steps=steps,
            mixes=mixes,
            read=read,
            fine_tuned_on={
                stage: count_fine_tuning_documents(connection, chain, stage)
                for stage in chain.fine_tuning
            },
            decisions=count_decisions(connection, chain),
            tokenizer=count_tokenizer_documents(connection, opened.archive, chain.tokenizers),
            written=count_written(connection, chain),
            top={mix.label: find_heaviest(connection, chain, mix, top) for mix in chain.mixes},
            gaps=[*find_step_gap(steps, chain), *find_gaps(mixes, read)],
        )
