"""What is missing in a written source, in sentences."""

from collections.abc import Iterator

from alignment_dagster.synthesis.coverage import WrittenSource

NAMED = 5
"""Scenarios that are named in a sentence."""


def describe_gaps(source: WrittenSource) -> Iterator[str]:
    """A sentence on scenarios, and one on forms, of which nothing was written; else none."""
    missing = [", in ".join(filter(None, one)) for one in source.without_documents]
    if missing:
        more = f" and {len(missing) - NAMED:,} more" if len(missing) > NAMED else ""
        yield (
            f"{source.name}: {len(missing):,} of {len(source.scenarios):,} scenarios have no "
            f"document: {', '.join(missing[:NAMED])}{more}."
        )
    if source.missing_forms:
        yield f"{source.name}: no document is a {', '.join(source.missing_forms)}."
