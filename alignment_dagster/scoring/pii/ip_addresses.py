"""Addresses of the internet that a machine of somebody's could have.

Private, loopback, link-local and documentation ranges name no machine (`192.168.0.1`,
`203.0.113.5`, `2001:db8::1`) and are left alone. So are numbers that count something: what stands
after `version`, `section` or the like, or has only one digit between its dots (`1.2.3.4`).
"""

import re
from collections.abc import Iterator
from ipaddress import AddressValueError, IPv4Address, IPv6Address, IPv6Network

from alignment_dagster.scoring.pii.spans import Span

FOUR = re.compile(r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w]|\.\w)", re.A)
SIX = re.compile(r"(?<![\w:.])[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,7}(?![\w:]|\.\w)", re.A)
ANY_FOUR, ANY_SIX = re.compile(r"\.\d{1,3}\.\d", re.A), re.compile(r":[0-9A-Fa-f]{0,4}:")
"""Part of every address, and quickly found: most texts have none."""
NUMBERED = re.compile(
    r"\b(?:v|ver|version|release|build|firmware|revision|rev|section|sec|chapter|figure|fig|table|"
    r"clause|item|paragraph|article|appendix)\.?\s{0,3}$|§\s{0,3}$",
    re.I,
)
BEFORE = 16
"""Characters that are read of what stands before a number."""
ALLOCATED = IPv6Network("2000::/3")
"""All global addresses that are given away."""


def find_ip_addresses(text: str) -> Iterator[Span]:
    """Global addresses of both versions, as ranges of characters."""
    for match in FOUR.finditer(text) if ANY_FOUR.search(text) else ():
        counts = len(match[0]) == len("1.2.3.4") or NUMBERED.search(
            text[max(0, match.start() - BEFORE) : match.start()]
        )
        if not counts and _is_global_four(match[0]):
            yield Span(match.start(), match.end(), "ip_address")
    for match in SIX.finditer(text) if ANY_SIX.search(text) else ():
        if _is_global_six(match[0]):
            yield Span(match.start(), match.end(), "ip_address")


def _is_global_four(written: str) -> bool:
    try:
        address = IPv4Address(written)
    except AddressValueError:
        return False
    return address.is_global and not address.is_multicast


def _is_global_six(written: str) -> bool:
    try:
        address = IPv6Address(written)
    except AddressValueError:
        return False
    return address.is_global and address in ALLOCATED
