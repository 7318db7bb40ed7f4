"""Scorers: pure functions from a batch of documents to columns, one to a module.

Documents are scored once; what a recipe makes of the scores is decided later.
"""

from alignment_dagster.scoring import (
    ai_discourse,
    contamination,
    fingerprint,
    language_id,
    pii,
    text_stats,
)
from alignment_dagster.scoring.quality import c4, fineweb, gopher
from alignment_dagster.scoring.incremental import score_new
from alignment_dagster.scoring.scorer import EvaluationItem, Scorer, ScoringContext, score

__all__ = [
    "SCORERS",
    "EvaluationItem",
    "Scorer",
    "ScoringContext",
    "score",
    "score_new",
]

SCORERS: dict[str, Scorer] = {
    found.name: found
    for found in (
        text_stats.SCORER,
        fingerprint.SCORER,
        ai_discourse.SCORER,
        contamination.SCORER,
        gopher.SCORER,
        c4.SCORER,
        fineweb.SCORER,
        language_id.SCORER,
        pii.SCORER,
    )
}
