"""How far a source has moved between two of its versions: one measure a module.

Every measure gives exactly 0 where the two versions are the same. Without an earlier version
nothing is compared, and only what holds now is reported.
"""

from alignment_dagster.drift import duplicates, filter_rates, languages, new_terms, scores, volume
from alignment_dagster.drift.change import Change
from alignment_dagster.drift.new_terms import NewTerm, find_new_terms
from alignment_dagster.drift.rules import Rule, declared_rules
from alignment_dagster.drift.snapshot import Snapshot, read_snapshot

__all__ = ["Change", "NewTerm", "Rule", "Snapshot", "declared_rules", "measure", "read_snapshot"]


def measure(
    now: Snapshot, then: Snapshot | None, rules: tuple[Rule, ...]
) -> tuple[list[Change], list[NewTerm]]:
    """Everything that is measured of a source, and the terms that are new in it."""
    terms = find_new_terms(now.sample, then.sample) if then is not None else []
    changes = [
        *volume.measure(now, then),
        *languages.measure(now, then),
        *scores.measure(now, then),
        *filter_rates.measure(now, then, rules),
        *duplicates.measure(now, then),
        *new_terms.measure(terms, compared=then is not None),
    ]
    return changes, terms
