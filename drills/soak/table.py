"""The table of injections, and how a number and a seed draw one of them."""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from drills.soak import disk, endpoints, judge, rivals, services, signals, sources
from drills.soak.scene import Scene

Act = Callable[[Scene], str]
SEED = 5


@dataclass(frozen=True)
class Injection:
    """One line of the plan."""

    number: int
    name: str
    act: Act
    seed: str

    @property
    def served(self) -> bool:
        """Whether it goes on in the home where Dagster's processes run."""
        return self.name.startswith(services.SERVED)


def table() -> Mapping[str, Act]:
    """Every kind and target; those of `services` need Dagster's own processes."""
    return {
        **signals.kinds(),
        **disk.kinds(),
        **sources.kinds(),
        **rivals.kinds(),
        **endpoints.kinds(),
        **judge.kinds(),
        **services.kinds(),
    }


def drawn(count: int, seed: int) -> list[Injection]:
    """Every kind in turn, shuffled anew for each round, until there are so many."""
    draw, names = random.Random(seed), []
    while len(names) < count:
        names += draw.sample(sorted(table()), len(table()))
    acts = table()
    return [
        Injection(number, name, acts[name], f"{seed}/{number}")
        for number, name in enumerate(names[:count], 1)
    ]
