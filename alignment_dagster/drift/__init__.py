"""How far a source has moved between two of its versions: one measure a module.

Every measure gives exactly 0 where the two versions are the same. Without an earlier version
nothing is compared, and only what holds now is said.
"""

from alignment_dagster.drift import duplicates, filter_rates, languages, new_terms, scores, volume
from alignment_dagster.drift.measure import Moved
from alignment_dagster.drift.new_terms import NewTerm
from alignment_dagster.drift.rules import Rule, declared_rules
from alignment_dagster.drift.snapshot import Snapshot, read_snapshot
from alignment_dagster.drift.vocabulary import Counted, count_words

__all__ = ["Moved", "NewTerm", "Rule", "Snapshot", "declared_rules", "measure", "read_snapshot"]


def measure(
    now: Snapshot, then: Snapshot | None, rules: tuple[Rule, ...]
) -> tuple[list[Moved], list[NewTerm]]:
    """Everything that is measured of a source, and the terms that are new in it."""
    words = _words(now)
    before = _words(then) if then is not None else None
    terms = new_terms.new_terms(words, before) if before is not None else []
    moved = [
        *volume.measure(now, then),
        *languages.measure(now, then, words, before),
        *scores.measure(now, then),
        *filter_rates.measure(now, then, rules),
        *duplicates.measure(now, then),
        *new_terms.measure(terms, compared=before is not None),
    ]
    return moved, terms


def _words(snapshot: Snapshot) -> Counted:
    return count_words(snapshot.documents)
