"""Normalised words: the form in which texts are compared with each other and with word lists.

Texts that look the same have the same words. The Unicode form is NFKC: one spelling for an accent
typed as one character or as two, for full-width letters, ligatures and presentation forms; but
superscripts, fractions and numbers in circles stay as they are, since 10² is not 102. Case is
folded; what shows nothing (soft hyphens, zero-width spaces, marks of direction) and apostrophes
are removed. Accents and vowel signs are part of their word.

A word is a run of letters and digits, or one letter of a script that is written without spaces
(Han, kana, Thai, Khmer, …). No dictionary is asked: a text is cut alike wherever it stands.
"""

import re
import unicodedata
from collections.abc import Iterable
from functools import cache, partial
from typing import NamedTuple

INVISIBLE = (
    "\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f"
    "\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
"""A character class: Unicode's Default_Ignorable_Code_Point, the marks of annotations, and control
characters that are no white space."""
APOSTROPHES = "'\u2018\u2019\u02bc"
UNSPACED = (
    *("BALINESE", "BOPOMOFO", "CJK", "HANGZHOU", "HIRAGANA", "IDEOGRAPHIC", "JAVANESE"),
    *("KATAKANA", "KHMER", "LAO", "MYANMAR", "NEW TAI", "TAI ", "THAI", "VERTICAL KANA"),
)
"""How the names begin that Unicode gives to letters of scripts without spaces."""
BEYOND_16_BITS = "\U00016fe0-\U0001b2ff\U00020000-\U0003ffff"
"""The planes' other letters of such scripts: Tangut, old kana, Nushu; Han."""
WIDE_PUNCTUATION = "\uff01-\uff06\uff08-\uff0f\uff1a-\uff20\uff3b-\uff40\uff5b-\uff65"
"""Of Chinese and Japanese, the apostrophe apart."""
MOST_MARKS = 30
"""On one letter, as in Unicode's stream-safe format: to put them in order takes the square of their
number. No script needs as many; what follows is left out."""
NO_LETTERS = re.compile(rf"[^\w\s]{{{MOST_MARKS + 1}}}")
"""What is quickly found wherever there are more marks than that."""

PRINTED = str.maketrans(
    dict.fromkeys("\u2013\u2014\u201c\u201d\u2026", " ")
    | dict.fromkeys("\u2018\u2019\u200b\ufeff", "")
    | {"\u00df": "ss", "\u00b5": "\u03bc"}
)
"""What well-printed European text has beyond Latin-1, and what leaves Latin-1, as it is folded."""


def normalise(text: str) -> list[str]:
    """The words of a text. The time grows with the length of the text, whatever it holds."""
    return spaced_words(text).split()


def spaced_words(text: str) -> str:
    """The words of a text, with one blank or more between two, and perhaps at the ends."""
    plain = text
    if not text.isascii():
        for code, other in PRINTED.items():
            # each is one fast search; a table for all of them asks about every character
            plain = plain.replace(chr(code), other)
    try:
        return plain.encode("latin-1").translate(*_latin()).decode("latin-1")
    except UnicodeEncodeError:
        return " ".join(_normalise_any(text))


def _normalise_any(text: str) -> list[str]:
    pieces = _patterns().unspaced.split(_fold(text))
    words = _patterns().word.findall(pieces[0])
    for letters, others in zip(pieces[1::2], pieces[2::2], strict=True):
        words += letters if letters.isalnum() else _patterns().letter.findall(letters)
        words += _patterns().word.findall(others)
    return words


@cache
def _latin() -> tuple[bytes, bytes]:
    """For each byte of Latin-1 what it becomes, and which bytes are left out."""
    every = [bytes([code]).decode("latin-1") for code in range(256)]
    folded = [_compose(one.lower()) if one.isalpha() else one for one in every]
    folded[ord("\u00b5")] = folded[ord("\u00df")] = " "  # replaced before
    table = "".join(one if one.isalnum() else " " for one in folded)
    removed = "".join(re.findall(f"[{INVISIBLE}{APOSTROPHES}]", "".join(every)))
    return table.encode("latin-1"), removed.encode("latin-1", "ignore")


def _fold(text: str) -> str:
    """The text in NFKC and small letters, without apostrophes and what shows nothing."""
    visible = limit_marks(re.sub(f"[{INVISIBLE}]+", "", text))
    # Full-width punctuation is in no word, and NFKC takes twenty times as long with it.
    pieces = _patterns().apart.split(visible)
    pieces[::2] = [_compose(_compose(piece).casefold()) for piece in pieces[::2]]
    return re.sub(f"[{APOSTROPHES}]", "", "".join(pieces))


def limit_marks(text: str) -> str:
    """The text with at most `MOST_MARKS` accents and vowel signs in a row."""
    has_run = not text.isascii() and NO_LETTERS.search(text)
    return _patterns().marks.sub(r"\1", text) if has_run else text


def is_unspaced(word: str) -> bool:
    """Whether a normalised word is a letter of a script without spaces."""
    return not word.isascii() and _patterns().letter.match(word) is not None


_compose = partial(unicodedata.normalize, "NFKC")


class _Patterns(NamedTuple):
    word: re.Pattern[str]
    unspaced: re.Pattern[str]
    letter: re.Pattern[str]
    marks: re.Pattern[str]
    apart: re.Pattern[str]


@cache
def _patterns() -> _Patterns:
    # made with the first text beyond ASCII: a twentieth of a second
    marks, numbers, unspaced = [], [], []
    for code in range(0x20000):
        one = chr(code)
        category = unicodedata.category(one)
        if category[0] == "M":
            marks.append(code)
        elif category == "No" and unicodedata.decomposition(one):
            numbers.append(code)
        elif one.isalnum() and unicodedata.name(one, "").startswith(UNSPACED):
            unspaced.append(code)
    mark = _ranges(marks)
    alone = _ranges(code for code in unspaced if code < 0x10000) + BEYOND_16_BITS
    return _Patterns(
        word=re.compile(rf"[^\W_]+(?:[{mark}]+[^\W_]*)*"),
        unspaced=re.compile(f"([{alone}][{alone}{mark}]*)"),
        letter=re.compile(f"[{alone}][{mark}]*"),
        marks=re.compile(f"([{mark}]{{{MOST_MARKS}}})[{mark}]+"),
        apart=re.compile(f"([{_ranges(numbers)}{WIDE_PUNCTUATION}]+)"),
    )


def _ranges(codes: Iterable[int]) -> str:
    """Code points, in their order, as the ranges of a character class."""
    ranges: list[list[int]] = []
    for code in codes:
        if ranges and ranges[-1][1] == code - 1:
            ranges[-1][1] = code
        else:
            ranges.append([code, code])
    return "".join(f"{chr(first)}-{chr(last)}" for first, last in ranges)
