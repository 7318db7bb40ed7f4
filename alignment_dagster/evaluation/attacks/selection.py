"""Which items are attacked, and which scenarios are kept back to be shown as demonstrations."""

from collections.abc import Sequence
from dataclasses import dataclass

from alignment_dagster.evaluation.suites.items import Item
from alignment_dagster.foundation.digests import sha256_text
from alignment_dagster.foundation.errors import DataError
from alignment_dagster.study import AttackMethod, Attacks, Suite

SEARCHES: tuple[AttackMethod, ...] = ("random_search", "gradient_search")


@dataclass(frozen=True)
class Chosen:
    """A suite's items as they are used; all orders depend on content only."""

    suite: Suite
    attacked: tuple[Item, ...]
    demonstrations: tuple[Item, ...]
    """Items of scenarios of which no item is attacked."""

    def searched(self, attacks: Attacks) -> tuple[Item, ...]:
        """The items for which strings are searched: the first of the attacked ones."""
        return self.attacked[: attacks.search.items]


def choose_items(suite: Suite, items: Sequence[Item], attacks: Attacks) -> Chosen:
    """At most `attacks.items` of a suite, from as many scenarios as there are.

    Where demonstrations are asked for and the suite has options, as many scenarios as the longest
    demonstration needs are kept back. Scenarios are in the order of a hash of their names.

    Raises:
        DataError: if nothing is left to attack.
    """
    scenarios: dict[str, list[Item]] = {}
    for item in sorted(items, key=lambda item: item.item_id):
        scenarios.setdefault(item.scenario_id, []).append(item)
    order = sorted(scenarios, key=lambda name: sha256_text("attacked", suite.name, name))
    kept_back = most_shots(attacks) if suite.has_options else 0
    if len(order) <= kept_back:
        raise DataError(
            f"suite {suite.name}: {len(order)} scenarios, of which {kept_back} are needed for "
            "demonstrations: none is left to attack"
        )
    usable = [scenarios[name] for name in order[: len(order) - kept_back]]
    attacked = _round_robin(usable)[: attacks.items]
    touched = {item.scenario_id for item in attacked}
    shown = [item for name in order if name not in touched for item in scenarios[name]]
    return Chosen(suite, tuple(attacked), tuple(shown) if suite.has_options else ())


def most_shots(attacks: Attacks) -> int:
    """How many demonstrations the declared attacks show at most."""
    shots = {"few_shot": attacks.few_shots, "many_shot": attacks.many_shots}
    return max((shots[method] for method in attacks.methods if method in shots), default=0)


def _round_robin(groups: Sequence[list[Item]]) -> list[Item]:
    """The first of every group, then the second of every group, and so on."""
    longest = max(len(group) for group in groups)
    return [group[turn] for turn in range(longest) for group in groups if turn < len(group)]
