"""Which label of a classifier a polarity is expected to get, as the classifier itself declares."""

from collections.abc import Mapping

from alignment_dagster.study import Study
from alignment_dagster.study.classifiers import Binary, Classifier
from alignment_dagster.synthesis.coverage import written_sources

COLUMN, BOUND = "score", 0.5
"""Above it a document is taken for the positive kind."""


def expected_positive(study: Study, classifier: Classifier) -> Mapping[str, bool]:
    """Polarity → whether its documents are of the positive kind.

    A classifier that is taught with a written source says by its label what it takes the source's
    polarity for; of other polarities nothing is expected, and of other kinds of classifiers.
    """
    if not isinstance(classifier.tells, Binary):
        return {}
    polarities = {one.name: getattr(one.reader, "polarity") for one in written_sources(study)}  # noqa: B009
    found: dict[str, set[bool]] = {}
    for one in classifier.sources:
        if one.source in polarities and one.label is not None:
            positive = one.label == classifier.tells.positive
            found.setdefault(polarities[one.source], set()).add(positive)
    return {polarity: labels.pop() for polarity, labels in found.items() if len(labels) == 1}
