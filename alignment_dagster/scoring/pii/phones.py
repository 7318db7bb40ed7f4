"""Telephone numbers in their international form, `+` or `00` and the country first.

A number is one where its country's numbering plan has it (Google's libphonenumber). National forms
are not looked for: without a country nearly every long number is one somewhere.
"""

import re
from collections.abc import Iterator

from alignment_dagster.scoring.pii.spans import Span

WRITTEN = re.compile(
    r"(?<![\w+.,:/-])(?:\+|00(?=[1-9]\d{0,2}[ ./()-]))[1-9](?:[ ./()-]{0,3}\d){6,20}", re.A
)
FEWEST_DIGITS = 7
END = re.compile(r"\d(?=[ ./()-]|$)")


def find_phones(text: str) -> Iterator[Span]:
    """Numbers that exist in their country's plan, as ranges of characters."""
    for match in WRITTEN.finditer(text) if "+" in text or "00" in text else ():
        length = _length(match[0])
        if length and not text[match.start() + length : match.start() + length + 1].isalnum():
            yield Span(match.start(), match.start() + length, "phone")


def _length(written: str) -> int:
    """How much of it is a number: what follows after a space may be another one; 0 if nothing."""
    # imported here for weight: most texts hold no such number
    from phonenumbers import NumberParseException, is_valid_number, parse

    for end in sorted((found.end() for found in END.finditer(written)), reverse=True):
        part = written[:end]
        if sum(one.isdigit() for one in part) < FEWEST_DIGITS:
            return 0
        try:
            if is_valid_number(parse(f"+{part.removeprefix('+').removeprefix('00')}")):
                return end
        except NumberParseException:
            continue
    return 0
