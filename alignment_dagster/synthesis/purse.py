"""What a source may still spend: nothing is sent that could lead beyond its budget."""

from dataclasses import dataclass, field

from alignment_dagster.foundation.errors import DataError
from alignment_dagster.study.synthesis import Price, SpendingLimit
from alignment_dagster.synthesis.answer_store import Spent
from alignment_dagster.synthesis.request import Request

AROUND = 32
"""Tokens around the messages of a request."""


def most_of(request: Request) -> Spent:
    """What a request can cost at most: a token is a byte of the prompt at least."""
    prompt = len(request.continued.encode("utf-8", "surrogatepass")) + AROUND
    return Spent(prompt, request.sampling.max_tokens)


@dataclass
class Purse:
    """What was spent, what is under way, and what both may come to."""

    source: str
    limit: SpendingLimit | None
    price: Price | None
    spent: Spent
    open: Spent = field(default_factory=Spent)

    @property
    def money(self) -> float:
        """What was spent, in the currency of the price; 0 without one."""
        return self._money(self.spent)

    def _money(self, spent: Spent) -> float:
        return 0.0 if self.price is None else self.price.of(spent.prompt, spent.completion)

    def fits(self, most: Spent) -> bool:
        """Whether it may be spent besides all that is under way."""
        if self.limit is None:
            return True
        after = self.spent + self.open + most
        tokens = self.limit.tokens is None or after.tokens <= self.limit.tokens
        money = self.limit.money is None or self._money(after) <= self.limit.money
        return tokens and money

    def empty(self, most: Spent, answers: int) -> DataError:
        """What is said where nothing more fits.

        Args:
            answers: how many the source has paid for.
        """
        limit = self.limit
        assert limit is not None
        if limit.tokens is not None and self.spent.tokens + most.tokens > limit.tokens:
            spent, allowed, more = (
                f"{count:,}" for count in (self.spent.tokens, limit.tokens, most.tokens)
            )
            name, unit = "tokens", "tokens"
        else:
            money = (self.money, limit.money or 0.0, self._money(most))
            spent, allowed, more = (f"{amount:,.4f}" for amount in money)
            name, unit = "money", self.price.currency if self.price else ""
        return DataError(
            f"source {self.source!r}: generator.budget.{name}: {spent} of {allowed} {unit} are "
            f"spent, and the next request may need {more}: raise it, or ask for fewer documents; "
            f"{answers:,} answers are kept and are not asked for again"
        )
