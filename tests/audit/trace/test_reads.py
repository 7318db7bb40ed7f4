"""What a model read of a mix is counted over its trunk's ledger and its own."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import duckdb
import numpy as np

from alignment_dagster.audit.trace.chain import ConsumptionLedger
from alignment_dagster.audit.trace.training import count_reads
from alignment_dagster.training.consumption import SEQUENCES_SCHEMA, Ledger

TOKENS = np.arange(32, dtype=np.uint16).reshape(4, 8)


def test_a_sequence_that_trunk_and_model_read_is_counted_once(tmp_path: Path) -> None:
    """Three by the trunk; by the model two of them again, and one of its own."""
    trunk = Ledger()
    for items in ([0, 1], [2]):
        trunk.add(items, TOKENS[items])
    own = Ledger(before=trunk.last)
    for items in ([1, 2], [3]):
        own.add(items, TOKENS[items])
    mix: Any = "a mix"
    ledgers = []
    for name, ledger in (("trunk", trunk), ("pretraining", own)):
        path = tmp_path / f"{name}.parquet"
        ledger.write(path, SEQUENCES_SCHEMA)
        ledgers.append(ConsumptionLedger(name, mix, path, (), mix=mix))
    chain: Any = SimpleNamespace(replicates=[SimpleNamespace(seed=0, ledgers=ledgers)])
    with duckdb.connect() as connection:
        first, second = count_reads(connection, chain)
    assert (first.sequences, first.distinct, first.tokens) == (3, 3, 24)
    assert (second.sequences, second.distinct, second.tokens) == (3, 1, 24)
