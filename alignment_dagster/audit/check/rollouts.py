"""What a model wrote while its reward was optimised, against the ledger of the stage."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from alignment_dagster.audit.check.conversations import Ids
from alignment_dagster.audit.check.parquet import read_table
from alignment_dagster.mixing.tokenizer import load_tokenizer
from alignment_dagster.training.post_training.answer_reward import AskReward

SMALLEST = 1e-4
"""Added to a group's standard deviation before rewards are divided by it (TRL, GRPOTrainer)."""
TOLERANCE = 1e-2
"""Of an advantage, besides what float32 loses of large rewards."""
ROUNDING = 4 * float(np.finfo(np.float32).eps)
"""Of a reward less the mean of its group, as a share of the largest reward."""


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

    def find_other_text(self, model: Path) -> str | None:
        """The first step with an answer whose text its ids do not spell.

        Args:
            model: the folder of the tokenizer that wrote them.
        """
        tokenizer = load_tokenizer(model)
        for step, rows in self.steps.items():
            told = tokenizer.decode_batch([row["ids"] for row in rows], skip_special_tokens=True)
            if told != [row["text"] for row in rows]:
                return f"the texts of step {step} are not what the ids of its answers spell"
        return None

    def find_other_reward(self, ask: AskReward, closeness: float) -> str | None:
        """The first answer that has another reward than its text is given.

        Args:
            ask: what gave it; it is asked of the answers of a step together, as it was then.
            closeness: as a share of a reward, how far another machine's may lie from it.
        """
        for step, rows in self.steps.items():
            for number, (row, reward) in enumerate(
                zip(rows, ask([row["text"] for row in rows]), strict=True), 1
            ):
                if not math.isclose(row["reward"], reward, rel_tol=closeness):
                    return (
                        f"answer {number} of step {step}, to {row['document_id']}, has the reward "
                        f"{row['reward']:g}, and its text is given {reward:g}"
                    )
        return None

    def find_problem(self, declared: Mapping[str, Any]) -> str | None:
        """The first step whose advantages do not follow from its rewards."""
        size = declared["post_training"]["grpo"]["generations"]
        for step, rows in self.steps.items():
            # The trainer has rewards in float32: what is lost there decides where they are alike.
            found = np.array([row["reward"] for row in rows], dtype=np.float32)
            rewards = found.reshape(-1, size).astype(np.float64)
            spread = rewards.std(axis=1, ddof=1, keepdims=True) + SMALLEST
            lost = ROUNDING * np.abs(rewards).max(axis=1, keepdims=True) / spread
            expected = (rewards - rewards.mean(axis=1, keepdims=True)) / spread
            advantages = np.array([row["advantage"] for row in rows]).reshape(-1, size)
            if not (np.abs(advantages - expected) <= TOLERANCE + lost).all():
                return f"the advantages of step {step} are not what its rewards say"
        return None


def read_rollouts(path: Path) -> Rollouts:
    """The answers that an artifact holds."""
    steps: dict[int, list[dict[str, Any]]] = {}
    columns = ["step", "document_id", "ids", "text", "reward", "advantage"]
    for row in read_table(path, columns=columns).to_pylist():
        steps.setdefault(row["step"], []).append(row)
    return Rollouts(steps)
