"""Scores of an earlier refresh, kept for the documents that were there already."""

import pyarrow as pa
import pyarrow.compute as pc

from alignment_dagster.scoring.scorer import Scored, Scorer, ScoringContext, score


def score_new(
    documents: pa.Table,
    scorer: Scorer,
    context: ScoringContext,
    earlier: pa.Table,
) -> Scored:
    """Score the documents that `earlier` does not know; the others have its rows.

    A scorer is a function of text and context: a kept row is what scoring again would give.

    Args:
        documents: has the columns `document_id` and `text`.
        scorer: one of `SCORERS`.
        context: the lexicons and evaluation items.
        earlier: what `score` gave with the same scorer and context for documents of which those
            with the same id have the same text.

    Returns:
        The table that `score` gives for all of `documents`; failures are those of new ones.
    """
    ids = documents["document_id"]
    new = documents.filter(pc.invert(pc.is_in(ids, earlier["document_id"])))
    found = score(new, scorer, context)
    known = pa.concat_tables([earlier, found.table])
    table = known.take(pc.index_in(ids, known["document_id"])).combine_chunks()
    return Scored(table, found.failures)
