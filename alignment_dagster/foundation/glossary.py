"""The words of this project and what they mean, from the one page that says so."""

import re

from alignment_dagster.foundation.shipped import shipped

PAGE = "docs/glossary.md"
ROW = re.compile(r"\| (\*\*.+?) \| (.+) \|")


def read_glossary() -> tuple[tuple[str, str], ...]:
    """Word and meaning, in the order of the page, without its markup."""
    lines = shipped(PAGE).read_text(encoding="utf-8").splitlines()
    rows = (found.groups() for line in lines if (found := ROW.fullmatch(line)))
    return tuple((_plain(word), _plain(meaning)) for word, meaning in rows)


def _plain(text: str) -> str:
    return re.sub(r"\*\*|`", "", text).replace("\\|", "|")
