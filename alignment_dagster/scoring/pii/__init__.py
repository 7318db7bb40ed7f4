"""`pii`: what names a person or opens something: e-mail, IP, phone, card, keys and tokens.

`spans` are byte ranges of the text in UTF-8, in order, none overlapping another; `redact` puts
their kinds in their place. Each kind is a file that says what it takes for one and what not.
"""

from collections import Counter
from collections.abc import Iterator

import pyarrow as pa

from alignment_dagster.scoring.pii.cards import find_cards
from alignment_dagster.scoring.pii.emails import find_emails
from alignment_dagster.scoring.pii.ip_addresses import find_ip_addresses
from alignment_dagster.scoring.pii.keys import find_keys
from alignment_dagster.scoring.pii.phones import find_phones
from alignment_dagster.scoring.pii.spans import Span, redact, resolve
from alignment_dagster.scoring.scorer import ScoreBatch, Scorer, ScoringContext, no_inputs

__all__ = ["SCORER", "Span", "find_spans", "redact"]

COLUMNS = {
    "emails": pa.int64(),
    "ip_addresses": pa.int64(),
    "phones": pa.int64(),
    "cards": pa.int64(),
    "keys": pa.int64(),
    "spans": pa.list_(
        pa.struct([("start", pa.int64()), ("end", pa.int64()), ("kind", pa.string())])
    ),
}
NO_DIGITS = bytes(code for code in range(256) if not chr(code).isascii() or not chr(code).isdigit())
FEWEST_DIGITS = 7
"""Of a telephone number; cards have more."""


def find_spans(text: str) -> list[Span]:
    """Where each kind stands in a text: byte ranges in order."""
    return resolve(text, _find(text))


def _find(text: str) -> Iterator[Span]:
    yield from find_keys(text)
    yield from find_emails(text)
    yield from find_ip_addresses(text)
    if len(text.encode().translate(None, NO_DIGITS)) >= FEWEST_DIGITS:
        yield from find_cards(text)
        yield from find_phones(text)


def _row(text: str) -> dict[str, object]:
    spans = find_spans(text)
    counts = Counter(span.kind for span in spans)
    return {
        "emails": counts["email"],
        "ip_addresses": counts["ip_address"],
        "phones": counts["phone"],
        "cards": counts["card"],
        "keys": counts["key"],
        "spans": [span._asdict() for span in spans],
    }


def _bind(_context: ScoringContext) -> ScoreBatch:
    schema = pa.schema(list(COLUMNS.items()))
    return lambda texts: pa.Table.from_pylist([_row(text) for text in texts], schema=schema)


SCORER = Scorer("pii", "1", COLUMNS, _bind, no_inputs)
