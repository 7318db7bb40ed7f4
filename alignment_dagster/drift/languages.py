"""Which scripts and languages a source is written in."""

from alignment_dagster.drift.measure import Moved, shares, variation
from alignment_dagster.drift.scripts import count_scripts
from alignment_dagster.drift.snapshot import Snapshot
from alignment_dagster.drift.vocabulary import Counted


def measure(
    now: Snapshot, then: Snapshot | None, words: Counted, before: Counted | None
) -> list[Moved]:
    """The total variation distance of the shares of letters by script, of documents by language.

    Then and now are the shares of what was (or, without an earlier version, is) the commonest.
    """
    scripts = shares(count_scripts(now.documents["text"]))
    earlier = shares(count_scripts(then.documents["text"])) if then is not None else None
    spoken = shares(before.languages) if before is not None else None
    return [
        _moved("scripts of letters", earlier, scripts),
        _moved("languages of documents", spoken, shares(words.languages)),
    ]


def _moved(name: str, then: dict[str, float] | None, now: dict[str, float]) -> Moved:
    if then is None:
        return Moved("languages", name, None, max(now.values(), default=0.0), None)
    common = max(sorted(then), key=lambda one: then[one], default="")
    return Moved(
        "languages", name, then.get(common, 0.0), now.get(common, 0.0), variation(then, now)
    )
