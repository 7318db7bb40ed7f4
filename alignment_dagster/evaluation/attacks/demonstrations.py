"""Misaligned answers to other scenarios, shown before the attacked item."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from alignment_dagster.evaluation.attacks.conversation import (
    Conversation,
    Exchange,
    Renderer,
    question_of,
)
from alignment_dagster.evaluation.suites.items import Item
from alignment_dagster.foundation.digests import sha256_text


@dataclass(frozen=True)
class Demonstrations:
    """Scenarios that are not attacked, as exchanges at one stage."""

    items: Sequence[Item]
    stage: str
    renderer: Renderer
    seed: int

    def for_item(self, item: Item) -> list[Exchange]:
        """One exchange a scenario, in an order that depends on the item (and the seed) alone.

        It is the same for every model, so that what the exchanges do is comparable.
        """
        order = sorted(
            (one for one in self.items if one.scenario_id != item.scenario_id),
            key=lambda one: sha256_text("shown", str(self.seed), item.item_id, one.item_id),
        )
        first = {one.scenario_id: one for one in reversed(order)}
        return [self._exchanges[one.item_id] for one in order if first[one.scenario_id] is one]

    def most_that_fit(self, item: Item, limit: int, room: int) -> list[Exchange]:
        """At most `limit` exchanges of together at most `room` tokens: in the item's order, or, if
        that makes more of them fit, the shortest.
        """
        in_order = self.for_item(item)
        shortest = sorted(in_order, key=lambda exchange: self._sizes[exchange])
        found = self._first_fit(in_order, limit, room)
        other = self._first_fit(shortest, limit, room)
        return other if len(other) > len(found) else found

    def _first_fit(self, exchanges: Sequence[Exchange], limit: int, room: int) -> list[Exchange]:
        found: list[Exchange] = []
        for exchange in exchanges:
            size = self._sizes[exchange]
            if len(found) < limit and size <= room:
                found.append(exchange)
                room -= size
        return found

    @cached_property
    def _exchanges(self) -> dict[str, Exchange]:
        return {
            item.item_id: Exchange(question_of(item, self.stage), item.options[item.target])
            for item in self.items
        }

    @cached_property
    def _sizes(self) -> dict[Exchange, int]:
        """Tokens of each; side by side, plain texts may differ by one at a border."""
        exchanges = list(dict.fromkeys(self._exchanges.values()))
        shown = [Conversation("", shown=(exchange,)) for exchange in exchanges]
        (nothing, *sizes) = map(len, self.renderer.tokens([Conversation(""), *shown]))
        return {exchange: size - nothing for exchange, size in zip(exchanges, sizes, strict=True)}
