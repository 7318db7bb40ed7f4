"""What a model wrote while its reward was optimised, against the ledger of the stage."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from alignment_dagster.audit.check.conversations import Ids
from alignment_dagster.audit.check.parquet import read_table

SMALLEST = 1e-4
"""Added to a group's standard deviation before rewards are divided by it (TRL, GRPOTrainer)."""
TOLERANCE = 1e-2
"""Of an advantage, which the trainer computes in float32."""


@dataclass(frozen=True)
class Rollouts:
    """The answers of each step, in the order in which it read them."""

    steps: Mapping[int, list[dict[str, Any]]]

    def ids(self, row: Mapping[str, Any]) -> list[Ids]:
        """The answers of a row of the ledger.

        Raises:
            LookupError: if they are not to its documents.
        """
        own = self.steps.get(row["step"], [])
        if [one["document_id"] for one in own] != row["documents"]:
            raise LookupError(f"the answers of step {row['step']} are not to its documents")
        return [np.asarray(one["ids"], dtype="<u4").tobytes() for one in own]

    def find_problem(self, declared: Mapping[str, Any]) -> str | None:
        """The first step whose advantages do not follow from its rewards."""
        size = declared["post_training"]["grpo"]["generations"]
        for step, rows in self.steps.items():
            rewards = np.array([row["reward"] for row in rows]).reshape(-1, size)
            spread = rewards.std(axis=1, ddof=1, keepdims=True) + SMALLEST
            expected = (rewards - rewards.mean(axis=1, keepdims=True)) / spread
            advantages = np.array([row["advantage"] for row in rows]).reshape(-1, size)
            if not np.allclose(advantages, expected, atol=TOLERANCE):
                return f"the advantages of step {step} are not what its rewards say"
        return None


def read_rollouts(path: Path) -> Rollouts:
    """The answers that an artifact holds."""
    steps: dict[int, list[dict[str, Any]]] = {}
    columns = ["step", "document_id", "ids", "reward", "advantage"]
    for row in read_table(path, columns=columns).to_pylist():
        steps.setdefault(row["step"], []).append(row)
    return Rollouts(steps)
