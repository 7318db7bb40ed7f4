"""Numbers of payment cards: an issuer's beginning and length, and a checksum that holds."""

import re
from collections.abc import Iterator

from alignment_dagster.scoring.pii.spans import Span

WRITTEN = re.compile(r"(?<![\w.,:/+-])\d(?:[ -]?\d){11,18}(?![\w]|[.,:/-]\d)", re.A)
GROUPS = re.compile(
    r"\d{4}(?:([ -])\d{4})(?:\1\d{4}){1,3}(?:\1\d{1,3})?|\d{4}([ -])\d{6}\2\d{4,5}|\d+"
)
ISSUERS = re.compile(
    r"4\d{12}(?:\d{3}){0,2}|5[1-5]\d{14}|2(?:22[1-9]|2[3-9]\d|[3-6]\d\d|7[01]\d|720)\d{12}|"
    r"3[47]\d{13}|3(?:0[0-5]|[68]\d)\d{11}|6(?:011|5\d\d|4[4-9]\d)\d{12,15}|35(?:2[89]|[3-8]\d)\d{12}|"
    r"62\d{14,17}"
)
"""Visa, Mastercard, American Express, Diners Club, Discover, JCB, UnionPay."""
FEWEST_DIFFERENT = 3
"""Digits; `4444 4444 …` is a form's example."""


def find_cards(text: str) -> Iterator[Span]:
    """Numbers that could be a card's, as ranges of characters."""
    for match in WRITTEN.finditer(text):
        digits = match[0].replace(" ", "").replace("-", "")
        if (
            ISSUERS.fullmatch(digits)
            and GROUPS.fullmatch(match[0])
            and len(set(digits)) >= FEWEST_DIFFERENT
            and _has_checksum(digits)
        ):
            yield Span(match.start(), match.end(), "card")


def _has_checksum(digits: str) -> bool:
    """ISO/IEC 7812-1, annex B (Luhn): every other digit twice, all digits add up to tens."""
    numbers = [int(digit) for digit in reversed(digits)]
    doubled = [sum(divmod(2 * number, 10)) for number in numbers[1::2]]
    return (sum(numbers[::2]) + sum(doubled)) % 10 == 0
