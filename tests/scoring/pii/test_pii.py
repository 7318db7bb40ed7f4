"""What names a person or opens something is found at its bytes; what only looks like it is not."""

import base64
import json
import random
import string
import time
from pathlib import Path

import pytest

from alignment_dagster.scoring import SCORERS, ScoringContext
from alignment_dagster.scoring.pii import find_spans, redact

DRAW = random.Random(0)


def drawn(length: int, alphabet: str = string.ascii_letters + string.digits) -> str:
    return "".join(DRAW.choices(alphabet, k=length))


def token(header: object) -> str:
    parts = (json.dumps(header).encode(), b'{"sub":"1234567890"}', b"a" * 32)
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)


PEM = "-----BEGIN {0} PRIVATE KEY-----\n{1}\n-----END {0} PRIVATE KEY-----"
FOUND = {
    "email": [
        "ann.lee+news@mail.somewhere.co.uk",
        "O_Brien-2@xn--mnchen-3ya.de",
        "x@y.io",
    ],
    "ip_address": [
        "8.8.134.201",
        "151.101.1.69",
        "2606:4700:4700::1111",
        "2a00:1450:4001:81b:0:0:0:200e",
    ],
    "phone": [
        "+49 30 227 32027",
        "+1 (202) 456-1111",
        "+442079460958",
        "0033 1 42 68 53 00",
    ],
    "card": [
        "4539 1488 0343 6467",
        "5425-2334-3010-9903",
        "378282246310005",
        "3782 822463 10005",
        "6011111111111117",
    ],
    "key": [
        "AKIA" + drawn(16, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"),
        "ghp_" + drawn(36),
        "github_pat_" + drawn(22) + "_" + drawn(59),
        "sk-" + drawn(48),
        "sk-proj-" + drawn(60),
        "sk-ant-api03-" + drawn(93) + "AA",
        "xoxb-" + drawn(12, string.digits) + "-" + drawn(24),
        "AIza" + drawn(35),
        "sk_live_" + drawn(24),
        "glpat-" + drawn(20),
        "hf_" + drawn(34, string.ascii_letters),
        token({"alg": "HS256", "typ": "JWT"}),
        PEM.format("RSA", "\n".join(drawn(64) for _ in range(12))),
        PEM.format("OPENSSH", drawn(400)),
    ],
}
LOOK_ALIKES = [
    *"""name@|@name|a@b|user@localhost|ann@example.com|me@mail.example.org|x@y.test
    icon@2x.png|@property.getter|ann..lee@web.de|print(a@b.T)|https://mastodon.social/@ann
    192.168.0.1|10.20.30.40|127.0.0.1|203.0.113.5|255.255.255.255|1.2.3.4|0.0.0.0
    version 21.14.3.20|v10.15.7.1|Section 12.4.10.2|§ 12.4.10.2|8.134.201.300
    18.134.201.77.5|18.134.201.77a|12:30:45|00:1b:44:11:3a:b7|std::vector|dead::beef
    fe80::1|::1|2001:db8::8a2e:370:7334|fd12:3456:789a::1|a::b::c
    +1 234|2 + 1234567|+12 34 56 78 90 12 34|1914-1918|030 227 32027|x+4930227320|00000000
    4539 1488 0343 6468|4444 4444 4444 4444|4539148803436467124|978-3-16-148410-0
    4539 1488 03436467|1234567812345670|3.4539148803436467|9.37e4539148803436467
    AKIAIOSFODNN7EXAMPLE|AKIA12345|sk-learn-contrib-estimator-forest-classifier|eyJhbGciOi
    a PRIVATE KEY of his""".replace("\n    ", "|").split("|"),
    "ghp_" + "x" * 36,
    "desk-" + drawn(48),
    "sk-" + "a" * 48,
    "hf_" + drawn(20),
    f"eyJ{drawn(30)}.{drawn(30)}.{drawn(30)}",
    f"-----BEGIN PUBLIC KEY-----\n{drawn(400)}\n-----END PUBLIC KEY-----",
]


@pytest.mark.parametrize(("kind", "text"), [(kind, text) for kind in FOUND for text in FOUND[kind]])
def test_each_form_is_found_at_its_bytes(kind: str, text: str) -> None:
    for before, after in (("", ""), ("See: ", ", please."), ("“é” (", ") 日本"), ("a\n", "\nb")):
        content = f"{before}{text}{after}"
        (span,) = find_spans(content)
        assert span.kind == kind
        assert content.encode()[span.start : span.end].decode() == text
        assert redact(content, [span]) == f"{before}[{kind.upper()}]{after}"


@pytest.mark.parametrize("text", LOOK_ALIKES)
def test_what_only_looks_like_it_is_left_alone(text: str) -> None:
    assert find_spans(text) == []
    assert find_spans(f"It says {text} there") == []


def test_a_number_does_not_swallow_the_one_after_it() -> None:
    text = "Call +1 202 456 1111 10 times, or +49 30 227 32027."
    found = [text[span.start : span.end] for span in find_spans(text)]
    assert found == ["+1 202 456 1111", "+49 30 227 32027"]


def test_the_scorer_counts_each_kind() -> None:
    text = "é ann@web.de, bob@web.de; 151.101.1.69, " + FOUND["key"][0]
    (row,) = SCORERS["pii"].bind(ScoringContext(Path()))([text]).to_pylist()
    counts = {"emails": 2, "ip_addresses": 1, "phones": 0, "cards": 0, "keys": 1}
    assert {name: row[name] for name in counts} == counts
    assert [span["kind"] for span in row["spans"]] == ["email", "email", "ip_address", "key"]
    assert text.encode()[row["spans"][0]["start"] : row["spans"][0]["end"]] == b"ann@web.de"


def test_spans_that_cannot_be_redacted_are_refused() -> None:
    (span,) = find_spans("x@y.io")
    for wrong in ([span, span], [span._replace(end=99)], [span._replace(start=3, end=3)]):
        with pytest.raises(ValueError, match="span"):
            redact("x@y.io", wrong)


@pytest.mark.parametrize(
    "unit",
    [
        "a@",
        "a.b@c.",
        "1.",
        "::",
        "+49",
        "4539 ",
        "eyJ.",
        "gh_p_",
        "sk-a",
        "-----BEGIN PRIVATE KEY-----\n",
    ],
)
def test_the_time_grows_with_the_length_of_a_hostile_text(unit: str) -> None:
    def seconds(characters: int) -> float:
        text = (unit * characters)[:characters]
        start = time.process_time()
        find_spans(text)
        return time.process_time() - start

    # The square would be 64 times as long.
    assert seconds(160_000) < 24 * max(0.01, min(seconds(20_000) for _ in range(3)))
