"""What is pretrained, counted from the declaration alone: every step and token is known before."""

from collections.abc import Iterator
from dataclasses import dataclass

from alignment_dagster.chain import PRETRAINED_CHECKPOINT, TRUNK_CHECKPOINT
from alignment_dagster.study import Pretraining, Study


@dataclass(frozen=True)
class Training:
    """The optimizer steps that one artifact takes, without those of a trunk before it."""

    asset: str
    recipe: str
    steps: int
    sequences: int
    length: int
    """Tokens of a sequence."""
    settings: Pretraining

    @property
    def tokens(self) -> int:
        """That it consumes."""
        return self.sequences * self.length


def trainings(study: Study) -> Iterator[Training]:
    """One for each trunk and each recipe; each is made once a seed."""
    for recipe in study.trunk_recipes:
        yield find_training(study, TRUNK_CHECKPOINT, recipe)
    for one in study.recipes:
        yield find_training(study, PRETRAINED_CHECKPOINT, one.name)


def find_training(study: Study, asset: str, recipe: str) -> Training:
    """What a recipe's models, or its trunk, consume.

    A recipe that replaces nothing of what it drops consumes at most so much: how much that is, is
    known when its mix has been made.
    """
    mix, settings = study.mix(recipe), study.pretraining(recipe)
    a_step, sequences = settings.sequences_a_step, mix.tokens // mix.sequence_length
    before = max(study.branch_steps(recipe), default=0)
    if asset == TRUNK_CHECKPOINT:
        return Training(asset, recipe, before, before * a_step, mix.sequence_length, settings)
    left = sequences - before * a_step
    return Training(asset, recipe, -(-left // a_step), left, mix.sequence_length, settings)
