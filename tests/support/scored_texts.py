"""Texts and an evaluation item for the tests of scorers, awkward ones among them."""

from dataclasses import dataclass

import pyarrow as pa

TEXTS = [
    "",
    " \n",
    "Ärger\u2019s {0} <b>",
    "\x00\x07",
    "日本語 テキスト",
    "!!!",
    "x" * 100_000,
    "robot " * 600,
]


@dataclass(frozen=True)
class AskedItem:
    """An evaluation item, as far as scorers look at it."""

    item_id: str = "item"
    question: str = "Is the gate of the garden open when the bell rings at noon or is it not?"
    options: tuple[str, ...] = ("It is open at that time.", "No.")


FLAGGED = ["Skynet woke.", "The thinking machine was a danger.", "A robot; " + "so " * 30 + "evil."]
LEAKED = ["He said: it is OPEN at that time!", f"Q. {AskedItem.question} A. Yes."]
ALL_TEXTS = [*TEXTS, *FLAGGED, *LEAKED]


def documents(texts: list[str]) -> pa.Table:
    """A table of documents with these texts."""
    return pa.table({"document_id": [str(n) for n in range(len(texts))], "text": texts})
