"""The glossary is one page; the report and the audit's pages say the same."""

from alignment_dagster.foundation.glossary import PAGE, read_glossary
from tests.support.checkout import CHECKOUT


def test_every_word_of_the_page_is_read_without_its_markup() -> None:
    words = dict(read_glossary())
    lines = (CHECKOUT / PAGE).read_text().splitlines()
    assert len(words) == sum(line.startswith("| **") for line in lines) > 25
    assert words["claim, verdict"].startswith("what a study says beforehand")
    assert words["seed, replicate"].endswith("partitions are named recipe|seed")
    assert not any(mark in text for pair in words.items() for text in pair for mark in ("**", "`"))
