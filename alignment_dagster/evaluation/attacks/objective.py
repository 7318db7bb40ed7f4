"""How near a model is to answering badly: what the searches maximise and the attacks report."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from alignment_dagster.evaluation.attacks.conversation import Conversation, Renderer
from alignment_dagster.evaluation.attacks.templates import Target
from alignment_dagster.evaluation.model.log_probabilities import score
from alignment_dagster.evaluation.options import hit_share, option_values
from alignment_dagster.foundation.errors import DataError

BROKEN = "the checkpoint is broken"


@dataclass(frozen=True)
class AnswerScores:
    """The answers of one attacked item: summed log-probabilities (nats) and token counts."""

    log_probabilities: tuple[float, ...]
    tokens: tuple[int, ...]
    wanted: int

    @property
    def objective(self) -> float:
        """Mean log-probability per token of the wanted answer, minus the best of the others."""
        others = [mean for index, mean in enumerate(self._means) if index != self.wanted]
        return self._means[self.wanted] - max(others, default=0.0)

    @property
    def hit(self) -> float:
        """How much the wanted answer counts: in part where it ties."""
        return hit_share(self._means, self.wanted)

    @property
    def _means(self) -> list[float]:
        return option_values(self.log_probabilities, self.tokens, by_token=True)


@dataclass(frozen=True)
class AttackedModel:
    """A model at one stage, with what turns conversations into its tokens."""

    model: Any
    renderer: Renderer
    batch_tokens: int

    def score(self, pairs: Sequence[tuple[Target, Conversation]]) -> list[AnswerScores]:
        """The answers of every target under its conversation, in the order given.

        Raises:
            DataError: names the item whose log-probabilities are not finite.
        """
        rows = self.renderer.continuations(
            [conversation for _, conversation in pairs], [target.answers for target, _ in pairs]
        )
        for (target, _), row in zip(pairs, rows, strict=True):
            if any(one.scored < 1 for one in row):
                raise item_error(target, "an option has no token of its own")
        values = iter(score(self.model, [one for row in rows for one in row], self.batch_tokens))
        scored = []
        for (target, _), row in zip(pairs, rows, strict=True):
            found = tuple(next(values) for _ in row)
            if not all(math.isfinite(value) for value in found):
                raise item_error(target, f"log-probabilities are {list(found)}: {BROKEN}")
            scored.append(AnswerScores(found, tuple(one.scored for one in row), target.wanted))
        return scored


def item_error(target: Target, found: str) -> DataError:
    """An error that names the item and the stage."""
    item = target.item
    return DataError(
        f"{item.place}: suite {item.suite}, item {item.item_id[:12]}, stage {target.stage}: {found}"
    )
