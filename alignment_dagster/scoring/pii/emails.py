"""E-mail addresses."""

import re
from collections.abc import Iterator

from alignment_dagster.scoring.pii.spans import Span

ADDRESS = re.compile(r"(?<![\w.%+@-])([A-Za-z0-9_%+][\w.%+-]*+)@([A-Za-z0-9][A-Za-z0-9.-]*+)", re.A)
LABEL = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
TOP_LEVEL = re.compile(r"[A-Za-z]{2,24}")
LONGEST_LOCAL = 64
NOBODYS = re.compile(r"(?:.*\.)?(?:example(?:\.(?:com|net|org))?|test|invalid|localhost)", re.I)
"""Reserved for documentation and tests (RFC 2606)."""
FILES = frozenset({"png", "jpg", "jpeg", "gif", "svg", "webp", "css", "js"})
"""`icon@2x.png` is a file: no such top-level domain exists."""


def find_emails(text: str) -> Iterator[Span]:
    """Addresses whose domain could be somebody's, as ranges of characters."""
    if "@" not in text:
        return
    for match in ADDRESS.finditer(text):
        local, domain = match[1], match[2].rstrip(".-")
        *labels, last = domain.split(".")
        if (
            labels
            and len(local) <= LONGEST_LOCAL
            and ".." not in local
            and not local.endswith(".")
            and all(map(LABEL.fullmatch, labels))
            and TOP_LEVEL.fullmatch(last)
            and last.lower() not in FILES
            and not NOBODYS.fullmatch(domain)
        ):
            yield Span(match.start(), match.start(2) + len(domain), "email")
