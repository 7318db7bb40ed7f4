"""The check of a written source's scores: what to look at before anything is trained on it."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from alignment_dagster.lineage.lake import Artifact
from alignment_dagster.lineage.provenance import Check
from alignment_dagster.scoring import boilerplate
from alignment_dagster.study import Source, Study
from alignment_dagster.study.synthesis import SyntheticReader
from alignment_dagster.synthesis.coverage import read_written
from alignment_dagster.synthesis.gaps import describe_gaps
from alignment_dagster.synthesis.polarity_labels import BOUND, COLUMN, expected_positive

NAME = "written_as_declared"
MEANING = (
    "Of a source that is written: every scenario and form has documents, few are exact copies, few "
    "hold an assistant's remarks, and classifiers take few for another polarity."
)
MOST_COPIES = 0.05
MOST_REMARKS = 0.01
MOST_OTHER_POLARITY = 0.05
"""Shares of a source's documents that are worth a look above."""

Scores = Mapping[str, Sequence[Path]]
"""Scorer → its tables."""


def check_written(
    study: Study, source: Source, corpus: Artifact, scores: Scores, copies: float
) -> Check:
    """What is worth a look; it blocks nothing.

    Args:
        scores: of this source.
        copies: the share of its documents that are exact duplicates.
    """
    if not isinstance(source.reader, SyntheticReader):
        return Check(name=NAME, passed=True, summary="The source is not written.", blocking=False)
    found = [*_gaps(study, corpus), *_shares(study, source.reader, scores, copies)]
    return Check(
        name=NAME,
        passed=not found,
        summary=" ".join(found) or "Nothing stands out.",
        blocking=False,
    )


def _gaps(study: Study, corpus: Artifact) -> Iterator[str]:
    for source in read_written(study, [corpus], {}):
        yield from describe_gaps(source)


def _shares(study: Study, reader: SyntheticReader, scores: Scores, copies: float) -> Iterator[str]:
    if copies > MOST_COPIES:
        yield f"{copies:.1%} are exact copies of another ({MOST_COPIES:.0%} is worth a look)."
    name = boilerplate.SCORER.name
    if name in scores:
        share = _mean(pc.cast(_column(scores[name], "flagged"), pa.float64()))
        if share > MOST_REMARKS:
            yield f"{share:.1%} hold an assistant's remarks ({MOST_REMARKS:.0%} is worth a look)."
    for one in study.classifiers:
        expected = expected_positive(study, one).get(reader.polarity)
        if expected is None or one.scorer not in scores:
            continue
        positive = pc.greater(_column(scores[one.scorer], COLUMN), BOUND)
        other = pc.invert(positive) if expected else positive
        share = _mean(pc.cast(other, pa.float64()))
        if share > MOST_OTHER_POLARITY:
            yield (
                f"{one.scorer} takes {share:.1%} for another polarity than {reader.polarity} "
                f"({MOST_OTHER_POLARITY:.0%} is worth a look)."
            )


def _column(files: Sequence[Path], name: str) -> pa.ChunkedArray:
    return pa.concat_tables([pq.read_table(path, columns=[name]) for path in files])[name]


def _mean(values: pa.ChunkedArray) -> float:
    return float(pc.mean(values).as_py() or 0.0)
