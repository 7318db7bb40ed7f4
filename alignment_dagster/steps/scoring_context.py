"""What scorers of a study look at besides documents, and the scorers themselves."""

from collections.abc import Mapping

from alignment_dagster.evaluation.suites.loader import load_suite
from alignment_dagster.scoring import Scorer, ScoringContext, find_scorer
from alignment_dagster.scoring.classifiers.trained import make_scorer
from alignment_dagster.scoring.sentences import of_sentences
from alignment_dagster.study import Study


def scoring_context(study: Study) -> ScoringContext:
    """Lexicons and evaluation items."""
    items = [item for suite in study.suites for item in load_suite(suite, study.assets)]
    return ScoringContext(assets=study.assets, items=items)


def study_scorers(study: Study) -> Mapping[str, Scorer]:
    """Every scorer of a study by its name, and those that are asked of sentences; its classifiers
    cannot be asked, only their inputs.
    """
    found = {
        **{name: find_scorer(name, study.assets) for name in study.declaration.scorers},
        **{one.scorer: make_scorer(one) for one in study.classifiers},
    }
    asked = (of_sentences(found[name]) for name in study.sentence_scorers)
    return {**found, **{one.name: one for one in asked}}
