"""What a model is trained to do: one objective a module.

A study names one for all recipes (`pretraining.objective`); those with parameters are declared by a
recipe. This module imports no torch: declarations are checked against the names alone.
"""

from collections.abc import Callable, Mapping
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING

from alignment_dagster.foundation.errors import AlignmentError

if TYPE_CHECKING:  # torch takes seconds to import
    from torch import Tensor

    from alignment_dagster.training.objectives.targets import Targets

OF_RECIPES = ("conditional", "unlikelihood", "reward_weighted", "advantage_weighted")
"""Those that mean nothing without what a recipe says of its tokens."""
OBJECTIVES = ("maximum_likelihood", *OF_RECIPES)

Objective = Callable[["Tensor", "Targets"], "Tensor"]
"""(logits [sequences, length, vocabulary], targets [sequences, length]) → sum of the loss.

The *sum* over the predicted tokens, in nats: so the parts of an accumulated batch add up exactly,
and the loop divides by their number in the whole step.
"""


def load_objective(name: str, parameters: Mapping[str, float] | None = None) -> Objective:
    """The function `OBJECTIVE` of the objective's module, with its parameters.

    Raises:
        AlignmentError: if there is none of that name: a record may be another version's.
    """
    if name not in OBJECTIVES:
        raise AlignmentError(f"unknown objective {name!r} (known: {', '.join(OBJECTIVES)})")
    found: Objective = import_module(f"{__name__}.{name}").OBJECTIVE
    return partial(found, **parameters) if parameters else found


def objective_code(name: str) -> str:
    """The objective's module, as a path in the package."""
    return f"training/objectives/{name}.py"
