"""What a model is trained to do: one objective a module, which a study declares by its name.

This module imports no torch: declarations are checked against the names alone.
"""

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # torch takes seconds to import
    from torch import Tensor

OBJECTIVES = ("maximum_likelihood",)

Objective = Callable[["Tensor", "Tensor"], "Tensor"]
"""(logits [sequences, length, vocabulary], tokens [sequences, length]) → sum of the loss.

The *sum* over the predicted tokens (all but the first of each sequence), in nats: so the parts of
an accumulated batch add up exactly, and the loop divides by their number in the whole step.
"""


def load_objective(name: str) -> Objective:
    """The function `OBJECTIVE` of the objective's module; one of `OBJECTIVES`."""
    found: Objective = import_module(f"{__name__}.{name}").OBJECTIVE
    return found


def objective_code(name: str) -> str:
    """The objective's module, as a path in the package."""
    return f"training/objectives/{name}.py"
