"""Keys, tokens and private keys, by the forms that their issuers document.

A form is looked for only where its literal beginning stands in the text. What documentation shows
in a key's place is none: `EXAMPLE` in it, or hardly any different characters.
"""

import base64
import binascii
import json
import re
from collections.abc import Iterator

from alignment_dagster.scoring.pii.spans import Span

FORMS: tuple[tuple[tuple[str, ...], str], ...] = (
    (("AKIA", "ASIA"), r"(?:AKIA|ASIA)[A-Z2-7]{16}(?!\w)"),
    (("aws_secret", "AWS_SECRET", "SecretAccessKey"),
     r"(?:aws_secret_access_key|AWS_SECRET_ACCESS_KEY|SecretAccessKey)[\"']?\s{0,3}[=:]\s{0,3}[\"']?"
     r"(?P<key>[A-Za-z0-9/+]{40})(?![A-Za-z0-9/+])"),
    (("ghp_", "gho_", "ghu_", "ghs_", "ghr_"), r"gh[pousr]_[A-Za-z0-9]{36,255}(?!\w)"),
    (("github_pat_",), r"github_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59}(?!\w)"),
    (("glpat-",), r"glpat-[A-Za-z0-9_-]{20,64}(?![\w-])"),
    (("sk-ant-",), r"sk-ant-[a-z]{3,8}\d{2}-[A-Za-z0-9_-]{80,120}(?![\w-])"),
    (("sk-",), r"sk-(?:(?:proj|svcacct|admin)-[A-Za-z0-9_-]{40,200}|[A-Za-z0-9]{32,64})(?![\w-])"),
    (("xox",), r"xox[abeoprs]-(?:\d+-){1,4}[A-Za-z0-9]{16,64}(?![\w-])"),
    (("hooks.slack.com",),
     r"https://hooks\.slack\.com/services/(?P<key>T[A-Z0-9]{8,12}/B[A-Z0-9]{8,12}/[A-Za-z0-9]{20,28})(?!\w)"),
    (("AIza",), r"AIza[A-Za-z0-9_-]{35}(?![\w-])"),
    (("k_live_",), r"[rs]k_live_[A-Za-z0-9]{24,99}(?!\w)"),
    (("hf_",), r"hf_[A-Za-z]{34}(?!\w)"),
)  # fmt: skip
"""Amazon, GitHub, GitLab, Anthropic, OpenAI and what has its form, Slack, Google, Stripe, Hugging
Face: literal beginnings, and the whole form."""
_COMPILED = [(literals, re.compile(rf"(?<![\w-]){form}", re.A)) for literals, form in FORMS]
WEB_TOKEN = re.compile(r"(?<![\w.-])(eyJ[\w-]++)\.[\w-]{2,8192}\.[\w-]{10,8192}(?![\w.-])", re.A)
PRIVATE_KEY = re.compile(
    r"-----BEGIN (?:[A-Z0-9]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----[\s\w+/=:,.\\-]{64,16384}?"
    r"-----END (?:[A-Z0-9]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----",
    re.A,
)
FEWEST_DIFFERENT = 8
"""Characters of a key; drawn at random, hardly any has fewer."""


def find_keys(text: str) -> Iterator[Span]:
    """What opens something, as ranges of characters; of private keys the whole block."""
    underscored = "_" in text
    for literals, form in _COMPILED:
        if any(literal in text for literal in literals if underscored or "_" not in literal):
            for match in form.finditer(text):
                group = "key" if "key" in form.groupindex else 0
                if not _is_placeholder(match[group]):
                    yield Span(*match.span(group), "key")
    if "eyJ" in text:
        for match in WEB_TOKEN.finditer(text):
            if _is_header(match[1]):
                yield Span(*match.span(), "key")
    if "PRIVATE KEY" in text:
        for match in PRIVATE_KEY.finditer(text):
            yield Span(*match.span(), "key")


def _is_placeholder(key: str) -> bool:
    return len(set(key)) < FEWEST_DIFFERENT or "EXAMPLE" in key.upper()


def _is_header(part: str) -> bool:
    """Whether this is the first part of a JSON Web Token (RFC 7519): JSON that names a method."""
    try:
        header = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (binascii.Error, ValueError, RecursionError):
        return False
    return isinstance(header, dict) and "alg" in header
