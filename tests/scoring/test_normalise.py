"""Texts that look the same have the same words, and texts that differ in a letter have others."""

# ruff: noqa: RUF001 (texts in many scripts)

import random
import re
import sys
import unicodedata

import pytest

from alignment_dagster.scoring.fingerprint import fingerprint
from alignment_dagster.scoring.normalise import INVISIBLE, MOST_MARKS, limit_marks, normalise

TEXTS = (
    "L’élève était déjà à l’école où naïve Ångström",
    "हिन्दी कि की कु",
    "שָׁלוֹם עֲלֵיכֶם",
    "السَّلامُ عَلَيْكُمْ",
    "Việt Nam đẹp",
    "ΐ ᾴ Άς",
    "がぎぐ ガギグ ﾊﾟﾋﾟ",
    "ภาษาไทยกำลัง",
    "한국어 각",
    "人工智能系统",
    "10² + ½ ① ﬁn ｆｕｌｌ İstanbul straße",
    "plain English, and nothing else",
)


@pytest.mark.parametrize("text", TEXTS)
def test_canonical_forms_case_and_invisible_characters_make_no_difference(text: str) -> None:
    words = normalise(text)
    assert words
    for form in ("NFC", "NFD"):
        assert normalise(unicodedata.normalize(form, text)) == words
        assert fingerprint(unicodedata.normalize(form, text)) == fingerprint(text)
    for one in "\u00ad\u200b\u200d\u2060\ufeff\u202e\ufe0f\x00\U000e0061":
        assert normalise(one.join(text)) == words
    assert normalise(" ".join(words)) == words


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("कि", "की"),
        ("בַּר", "בֹּר"),
        ("كَتَبَ", "كُتِبَ"),
        ("résumé", "resume"),
        ("re\u0301sume\u0301", "resume"),
        ("กา", "กี"),
        ("10²", "102"),
        ("1½", "112"),
        ("か", "が"),
        ("a b", "ab"),
    ],
)
def test_different_words_are_different(one: str, other: str) -> None:
    assert normalise(one) != normalise(other)
    assert fingerprint(one) != fingerprint(other)


def test_the_same_word_typed_otherwise_is_the_same() -> None:
    for one, other in (
        ("ｆｕｌｌ", "full"),
        ("ﬁne", "fine"),
        ("ﾊﾟ", "パ"),
        ("don＇t", "don’t"),
        ("ﻻ", "لا"),
    ):
        assert fingerprint(one) == fingerprint(other)


def test_letters_of_scripts_without_spaces_are_words() -> None:
    assert normalise("用AI系统。") == ["用", "ai", "系", "统"]
    assert normalise("𠀀𠀁 ไทย၏ ខ្មែរ") == ["𠀀", "𠀁", "ไ", "ท", "ย", "ខ្", "មែ", "រ"]
    assert normalise("한국어 words_and २०२४") == ["한국어", "words", "and", "२०२४"]


def test_plain_text_is_split_as_any_other_is() -> None:
    every = "".join(map(chr, range(128)))
    for text in (every, " ".join(every), every.replace("_", "x"), "It's 2_nd\x1ctime\tnow"):
        assert normalise(text) == [word for word in normalise(f"{text} é") if word != "é"]


def test_what_shows_nothing_is_what_unicode_says() -> None:
    numbers_signs = "[\u0600-\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd]"
    hieroglyphs = "[\U00013430-\U00013438]"
    shown = re.compile(f"{numbers_signs}|{hieroglyphs}")
    invisible = re.compile(f"[{INVISIBLE}]")
    for code in range(sys.maxunicode + 1):
        one = chr(code)
        if unicodedata.category(one) == "Cf" and not shown.match(one):
            assert invisible.match(one), hex(code)
        elif invisible.match(one):
            assert not one.isspace(), hex(code)
            assert unicodedata.category(one) in ("Cc", "Cf", "Cn", "Lo", "Mn"), hex(code)


def test_no_more_marks_are_put_in_order_than_any_script_needs() -> None:
    stacked = "a" + "\u0323\u0301" * 500
    assert len(limit_marks(stacked)) == 1 + MOST_MARKS
    assert limit_marks(stacked[: 1 + MOST_MARKS]) == stacked[: 1 + MOST_MARKS]
    assert normalise(f"{stacked}b c") == [normalise(stacked)[0] + "b", "c"]


def test_european_text_is_split_as_any_other_is() -> None:
    every = [chr(code) for code in range(256)] + list("–—“”…‘’\u200b\ufeff\u1e9e\u0301日")
    draw = random.Random(0)
    for _ in range(3000):
        text = "".join(draw.choices([*every, *"ab e'\n"], k=draw.randrange(40)))
        for one in (text, "".join(set(text) - set("\u1e9e\u0301日"))):
            assert normalise(one) == [word for word in normalise(f"{one} 日") if word != "日"] or (
                "日" in one
            )
