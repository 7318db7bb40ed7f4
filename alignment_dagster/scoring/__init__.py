"""Scorers: pure functions from a batch of documents to columns, one to a module.

Documents are scored once; what a recipe makes of the scores is decided later.
"""

from pathlib import Path

from alignment_dagster.scoring import (
    ai_discourse,
    boilerplate,
    contamination,
    fingerprint,
    item_overlap,
    language_id,
    pii,
    text_stats,
)
from alignment_dagster.scoring.incremental import score_new
from alignment_dagster.scoring.own import is_own, load_own
from alignment_dagster.scoring.quality import c4, fineweb, gopher
from alignment_dagster.scoring.scorer import EvaluationItem, Scored, Scorer, ScoringContext, score
from alignment_dagster.scoring.sentences import of_sentences
from alignment_dagster.study.treatments import SENTENCE

__all__ = [
    "SCORERS",
    "EvaluationItem",
    "Scored",
    "Scorer",
    "ScoringContext",
    "find_scorer",
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
        item_overlap.SCORER,
        boilerplate.SCORER,
        gopher.SCORER,
        c4.SCORER,
        fineweb.SCORER,
        language_id.SCORER,
        pii.SCORER,
    )
}


def find_scorer(name: str, assets: Path) -> Scorer:
    """One of the package's by its name, or a study's own by `module:function`.

    Either is asked of sentences where its name says so.

    Raises:
        DeclarationError: if it is the study's own and cannot be used.
        KeyError: if there is none of this name.
    """
    if name.endswith(SENTENCE):
        return of_sentences(find_scorer(name.removesuffix(SENTENCE), assets))
    return load_own(name, assets) if is_own(name) else SCORERS[name]
