"""Every statistic is what its published definition gives, written down plainly."""

# ruff: noqa: RUF001 (texts in many scripts)

import random
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from alignment_dagster.scoring import SCORERS, ScoringContext
from alignment_dagster.scoring.quality.gopher import STOP_WORDS
from tests.support.scored_texts import ALL_TEXTS

NAMES = ("gopher", "c4", "fineweb")
PIECES = (
    *(
        "the river",
        "of",
        " and ",
        "\n",
        "\n\n",
        "\n\n\n",
        " ",
        "  ",
        "\t",
        "\x0b",
        "- ",
        "• ",
        "...",
        "…",
        "#",
    ),
    *(
        "a",
        "b",
        "a b",
        "12",
        "--",
        "“Yes.”",
        "Javascript",
        "lorem ipsum",
        "{",
        "We use cookies.",
        "no?",
    ),
    *(
        "\r\n",
        "\x85",
        "\x1d",
        "\u2028",
        "\u00a0",
        "\u3000",
        "日本",
        "é",
        "[12]",
        ". The",
        "!' ",
        "w" * 1001,
    ),
    *("\x00", "a\x00", "\x00a", "eightabc", "eightabcd", "eightabcdefghijklm", "\U0001f600"),
    *("one two three four five six seven eight nine ten eleven",) * 2,
)


def drawn_texts() -> list[str]:
    draw = random.Random(0)
    return ["".join(draw.choices(PIECES, k=draw.randrange(60))) for _ in range(600)]


def share(part: float, whole: float) -> float:
    return part / whole if whole else 0.0


def repeated(lines: Sequence[str]) -> tuple[int, int]:
    again = [line for place, line in enumerate(lines) if line in lines[:place]]
    return len(again), sum(map(len, again))


def grams(words: Sequence[str], n: int) -> list[tuple[str, ...]]:
    return [tuple(words[place : place + n]) for place in range(len(words) - n + 1)]


def in_top(words: Sequence[str], n: int) -> int:
    found = grams(words, n)
    if not found:
        return 0
    gram, times = Counter(found).most_common(1)[0]
    return len(" ".join(gram)) * times


def in_duplicates(words: Sequence[str], n: int) -> int:
    seen, place, characters = set(), 0, 0
    while place + n <= len(words):
        gram = tuple(words[place : place + n])
        if gram in seen:
            characters += len("".join(gram))
            place += n
        else:
            seen.add(gram)
            place += 1
    return characters


def plain_gopher(text: str) -> Iterator[tuple[str, float]]:
    words = text.split()
    symbols = re.compile(
        "[\x00-\x1f!-/:-@\\[-`{-\x9f«´»–—’“”„…∶━►、。〈-》「」【】！％（），．１：；？～]+"
    )
    plain = [word for word in words if not symbols.fullmatch(word)]
    yield "words", len(plain)
    yield "mean_word_length", share(sum(map(len, plain)), len(plain))
    yield "hash_ratio", share(text.count("#"), len(words))
    yield "ellipsis_ratio", share(text.count("...") + text.count("…"), len(words))
    lines = text.splitlines()
    yield "bullet_lines", share(sum(x.lstrip().startswith(("•", "-")) for x in lines), len(lines))
    yield "ellipsis_lines", share(sum(x.rstrip().endswith(("...", "…")) for x in lines), len(lines))
    letters = sum(any(one.isalpha() for one in word) for word in words)
    yield "alphabetic_words", share(letters, len(words))
    yield "stop_words", len(set(STOP_WORDS) & set(words))
    for name, parts in (
        ("line", re.split("\n+", text)),
        ("paragraph", re.split("\n{2,}", text.strip())),
    ):
        again, characters = repeated(parts)
        yield f"duplicate_{name}s", share(again, len(parts))
        yield f"duplicate_{name}_characters", share(characters, len(text))
    for n in (2, 3, 4):
        yield f"top_{n}_gram", share(in_top(words, n), len(text))
    for n in range(5, 11):
        yield f"duplicate_{n}_grams", share(in_duplicates(words, n), len(text))


def plain_c4(text: str) -> Iterator[tuple[str, float]]:
    found = Counter[str]()
    lines = text.splitlines()
    for line in map(str.strip, lines):
        words = line.split()
        line = re.sub(r"\[\d*]|\[edit]|\[citation needed]", "", line)
        ends = line.endswith((".", "?", "!", '"', "'")) and not line.endswith("...")
        policies = r"terms of use|(privacy|cookie) policy|uses cookies|use of cookies|use cookies"
        policy = bool(re.search(policies, line.lower()))
        script = "javascript" in line.lower()
        found["unterminated_lines"] += not ends
        found["short_lines"] += len(words) < 3
        found["javascript_lines"] += script
        found["policy_lines"] += policy
        if len(words) < 3 or not ends or any(len(word) > 1000 for word in words):
            continue
        found["lorem_ipsum"] |= "lorem ipsum" in line.lower()
        if script:
            continue
        found["curly_bracket"] |= "{" in line
        if policy:
            continue
        found["kept_lines"] += 1
        found["sentences"] += 1 + len(
            re.findall(r"""[.?!…]['"”’)\]]*\s+['"“‘(\[]*(?=[A-Z0-9])""", line)
        )
    for name in ("sentences", "lorem_ipsum", "curly_bracket"):
        yield name, found[name]
    for name in ("kept", "unterminated", "short", "javascript", "policy"):
        yield f"{name}_lines", share(found[f"{name}_lines"], len(lines))


def plain_fineweb(text: str) -> Iterator[tuple[str, float]]:
    lines = [line for line in text.split("\n") if line.strip()]
    yield "terminal_lines", share(sum(x.endswith((".", "?", "!", "。")) for x in lines), len(lines))
    yield "short_lines", share(sum(len(line) <= 30 for line in lines), len(lines))
    yield "repeated_characters", share(repeated(lines)[1], len(text.replace("\n", "")))
    yield "newlines", share(text.count("\n"), len(text.split()))


PLAIN = {"gopher": plain_gopher, "c4": plain_c4, "fineweb": plain_fineweb}


def scored(name: str, texts: list[str]) -> list[Mapping[str, float]]:
    rows: list[Mapping[str, float]] = SCORERS[name].bind(ScoringContext(Path()))(texts).to_pylist()
    return rows


@pytest.mark.parametrize("name", NAMES)
def test_every_column_is_what_its_definition_gives(name: str) -> None:
    texts = [*ALL_TEXTS, *drawn_texts()]
    held = 0
    for text, row in zip(texts, scored(name, texts), strict=True):
        assert row == pytest.approx(dict(PLAIN[name](text)), abs=1e-12), repr(text[:300])
        held += any(value not in (0, 1) for value in row.values())
    assert held > 400


@pytest.mark.parametrize("name", NAMES)
def test_a_text_has_the_same_statistics_in_any_company(name: str) -> None:
    texts = drawn_texts()[:50]
    alone = [scored(name, [text])[0] for text in texts]
    assert scored(name, texts) == alone
    assert scored(name, texts[::-1]) == alone[::-1]


def test_of_n_grams_that_come_as_often_the_first_is_the_top_one() -> None:
    row = scored("gopher", ["x y z x y looooong word looooong word"])[0]
    assert row["top_2_gram"] == len("x y") * 2 / len("x y z x y looooong word looooong word")
