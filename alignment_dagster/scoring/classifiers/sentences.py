"""Where the sentences of a text begin and end, roughly: at line ends and after full stops."""

import re

_BETWEEN = re.compile(r"(?<=[.!?])\s+|\s*\n\s*|(?<=[。！？])")  # noqa: RUF001


def find_sentences(text: str) -> list[tuple[int, int]]:
    """Start and end (characters) of each; the whole text where it has none."""
    found, start = [], 0
    for between in _BETWEEN.finditer(text):
        if between.start() > start:
            found.append((start, between.start()))
        start = between.end()
    if start < len(text):
        found.append((start, len(text)))
    return found or [(0, len(text))]
