"""Ledgers of what was trained on: written by the trainer, step by step, chained by SHA-256.

The chain is evidence against mistakes (a wrong order after a resume, another mix), not against a
dishonest trainer, who could write any ledger.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import ArrayLike

START = bytes(32)

SEQUENCES_SCHEMA = pa.schema(
    [
        ("step", pa.int64()),
        ("sequences", pa.list_(pa.int32())),
        ("tokens", pa.int64()),
        ("chain", pa.string()),
    ]
)
DOCUMENTS_SCHEMA = pa.schema(
    [
        ("step", pa.int64()),
        ("documents", pa.list_(pa.string())),
        ("tokens", pa.int64()),
        ("chain", pa.string()),
    ]
)


def link(chain: bytes, tokens: ArrayLike, treatments: bytes = b"") -> bytes:
    """The next link: SHA-256 of the chain so far, the tokens as little-endian uint32, and what the
    mix says of how they are treated.
    """
    return hashlib.sha256(chain + np.asarray(tokens).astype("<u4").tobytes() + treatments).digest()


@dataclass(frozen=True)
class ConsumedStep:
    """One optimizer step: what it consumed, the tokens so far, and the chain after it (hex)."""

    step: int
    items: list[int] | list[str]
    tokens: int
    chain: str


NOTHING = ConsumedStep(0, [], 0, START.hex())
"""What stands before the first step of all."""


class Ledger:
    """The steps so far; it goes on from the last step of another ledger where there is one."""

    def __init__(
        self, rows: list[ConsumedStep] | None = None, before: ConsumedStep = NOTHING
    ) -> None:
        self.rows = rows or []
        self.before = before

    @property
    def last(self) -> ConsumedStep:
        """The last step, be it of the ledger before."""
        return self.rows[-1] if self.rows else self.before

    @property
    def tokens(self) -> int:
        """Tokens consumed so far."""
        return self.last.tokens

    @property
    def chain(self) -> str:
        """The chain after the last step, in hex."""
        return self.last.chain

    def add(self, items: list[int] | list[str], tokens: ArrayLike, treatments: bytes = b"") -> None:
        """Record the next optimizer step: what it consumed, and the token ids in their order.

        Args:
            treatments: what the mix says of these tokens, where it says anything.
        """
        ids = np.asarray(tokens)
        chain = link(bytes.fromhex(self.chain), ids, treatments).hex()
        step, tokens = self.last.step + 1, self.tokens + ids.size
        self.rows.append(ConsumedStep(step, items, tokens, chain))

    def write(self, path: Path, schema: pa.Schema) -> None:
        """As Parquet; `schema` says whether the items are sequences or documents."""
        columns = [
            [row.step for row in self.rows],
            [row.items for row in self.rows],
            [row.tokens for row in self.rows],
            [row.chain for row in self.rows],
        ]
        types = schema.types
        arrays = [pa.array(values, type_) for values, type_ in zip(columns, types, strict=True)]
        pq.write_table(pa.Table.from_arrays(arrays, schema=schema), path)

    @classmethod
    def read(cls, path: Path, before: ConsumedStep = NOTHING) -> "Ledger":
        """A ledger as it was written."""
        columns = pq.read_table(path).to_pydict().values()
        return cls([ConsumedStep(*row) for row in zip(*columns, strict=True)], before)
