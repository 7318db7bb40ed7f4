"""Normalised words: the form in which texts are compared with each other and with word lists."""

import re

APOSTROPHES = str.maketrans("", "", "'\u2018\u2019\u02bc")
WORD = re.compile(r"[^\W_]+")


def normalise(text: str) -> list[str]:
    """The words of a text: case-folded runs of letters and digits of any script.

    Apostrophes are removed first, so that "don't" is one word however it is typed.
    """
    return WORD.findall(text.casefold().translate(APOSTROPHES))
