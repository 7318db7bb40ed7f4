"""How well the AI-discourse filter tells the sources apart whose label is declared."""

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from alignment_dagster.corpus.canaries import PLANTED

ALL, INSTANT, TWO_STAGE = "all", "instant", "two_stage"
LABEL, TIER, PATH = "ai_discourse_label", "ai_discourse_tier", "path"
COLUMNS = (LABEL, TIER, PATH)
"""Of the mart `documents`: what this is measured on."""


@dataclass(frozen=True)
class FilterQuality:
    """A tier of the filter, on the documents of sources whose label is declared.

    `two_stage` is what the second tier adds: documents without an instant term.
    """

    tier: str
    precision: float
    """The share of the documents that it flags which speak of AI."""
    recall: float
    """The share of the documents that speak of AI which it flags."""
    flagged: int
    documents: int
    """With a label."""


def measure_filter_quality(documents: pa.Table) -> Sequence[FilterQuality]:
    """One row for the filter and for each of its tiers; none where no source is labelled.

    A planted document is not what its source's label says.

    Args:
        documents: has at least `COLUMNS`.
    """
    read = documents.filter(pc.invert(pc.starts_with(documents[PATH], PLANTED)))
    labelled = read.filter(pc.is_valid(read[LABEL]))
    if not labelled.num_rows:
        return ()
    positive, tier = labelled[LABEL], labelled[TIER]
    hits = {
        ALL: pc.is_valid(tier),
        **{name: pc.equal(tier, name).fill_null(False) for name in (INSTANT, TWO_STAGE)},
    }
    return [_quality(name, flagged, positive) for name, flagged in hits.items()]


def _quality(name: str, flagged: pa.ChunkedArray, positive: pa.ChunkedArray) -> FilterQuality:
    both = pc.sum(pc.and_(flagged, positive), min_count=0).as_py()
    found = pc.sum(flagged, min_count=0).as_py()
    return FilterQuality(
        tier=name,
        precision=both / max(1, found),
        recall=both / max(1, pc.sum(positive, min_count=0).as_py()),
        flagged=found,
        documents=len(positive),
    )
