"""Reviews of a report: signed, numbered decisions, each chained to the one before, never changed.

They lie at `<lake>/<study>/reviews/<report's version>/0001.json`, …: DSSE envelopes of in-toto
statements whose subject is the report's manifest. A chain cannot show that its last link is gone:
Dagster is told of each review too, and the check compares (`review_problems`, `lost_reviews`).

A name stays with the key that it signed with first. Who that is, the home cannot know: hand on the
public keys in `<home>/keys/reviewers/` by another way.
"""

from alignment_dagster.lineage.review_records import REVIEWS, ReviewRecord
from alignment_dagster.lineage.reviews.files import REVIEWERS, review_digest
from alignment_dagster.lineage.reviews.review import DECISIONS, Review
from alignment_dagster.lineage.reviews.verification import lost_reviews, review_problems, reviews

__all__ = [
    "DECISIONS",
    "REVIEWERS",
    "REVIEWS",
    "Review",
    "ReviewRecord",
    "lost_reviews",
    "review_digest",
    "review_problems",
    "reviews",
]
