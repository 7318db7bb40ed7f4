"""Which scripts and languages a source is written in."""

from collections import Counter
from collections.abc import Mapping

import pyarrow as pa

from alignment_dagster.drift.change import Change, shares, total_variation
from alignment_dagster.drift.snapshot import Snapshot
from alignment_dagster.scoring.language_id import identify_language


def measure(now: Snapshot, then: Snapshot | None) -> list[Change]:
    """The total variation distance of the shares of letters by script, of documents by language.

    Then and now are the shares of what was (or, without an earlier version, is) the commonest.
    Scripts are counted in all documents, languages in the samples.
    """
    earlier_scripts = then.scripts if then is not None else None
    earlier_languages = count_languages(then.sample) if then is not None else None
    return [
        _change("scripts of letters", earlier_scripts, now.scripts),
        _change("languages of documents", earlier_languages, count_languages(now.sample)),
    ]


def count_languages(sample: pa.Table) -> Counter[str]:
    """Language (ISO 639 code) → documents; what cannot be told counts as undetermined."""
    return Counter(identify_language(text) for text in sample["text"].to_pylist())


def _change(
    column: str, then_counts: Mapping[str, int] | None, now_counts: Mapping[str, int]
) -> Change:
    now = shares(now_counts)
    if then_counts is None:
        return Change("languages", column, None, max(now.values(), default=0.0), None)
    then = shares(then_counts)
    commonest = max(sorted(then), key=lambda name: then[name], default="")
    return Change(
        "languages",
        column,
        then.get(commonest, 0.0),
        now.get(commonest, 0.0),
        total_variation(then, now),
    )
