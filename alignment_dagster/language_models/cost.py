"""What requests cost, and whether another one may be sent."""

from typing import NamedTuple

from alignment_dagster.foundation.errors import DataError
from alignment_dagster.language_models.answer import Answer
from alignment_dagster.language_models.request import Request
from alignment_dagster.study.synthesis import SpendingLimit, TokenPrice


class Cost(NamedTuple):
    """Of one request, or of all of a source."""

    prompt_tokens: int
    completion_tokens: int
    money: float = 0.0
    currency: str = ""
    """Empty where no price is declared."""

    @property
    def tokens(self) -> int:
        """Of prompts and answers together."""
        return self.prompt_tokens + self.completion_tokens


FREE = Cost(0, 0)
AROUND = 32
"""Tokens around the messages of a request."""


def most_cost(request: Request, price: TokenPrice | None) -> Cost:
    """What one attempt can cost at most: a token is a byte of the prompt at least."""
    prompt = len(request.continued.encode("utf-8", "surrogatepass")) + AROUND
    return priced(price, prompt, request.sampling.max_tokens)


def reported_cost(answer: Answer, most: Cost, price: TokenPrice | None) -> Cost:
    """What an answer cost as the endpoint counts; what it does not say counts in full."""
    prompt, completion = answer.prompt_tokens, answer.completion_tokens
    return priced(
        price,
        most.prompt_tokens if prompt is None else prompt,
        most.completion_tokens if completion is None else completion,
    )


def priced(price: TokenPrice | None, prompt: int, completion: int) -> Cost:
    """So many tokens at a price."""
    if price is None:
        return Cost(prompt, completion)
    return Cost(prompt, completion, price.of(prompt, completion), price.currency)


def find_excess(limit: SpendingLimit | None, spent: Cost, most: Cost) -> str | None:
    """Why a request that costs `most` may not be sent; None where it may."""
    if limit is None:
        return None
    if limit.tokens is not None and spent.tokens + most.tokens > limit.tokens:
        return (
            f"budget.tokens: {limit.tokens:,} may be spent, {spent.tokens:,} are, "
            f"and the next request may take {most.tokens:,}"
        )
    if limit.money is not None and spent.money + most.money > limit.money:
        return (
            f"budget.money: {limit.money:,.4f} {most.currency} may be spent, {spent.money:,.4f} "
            f"are, and the next request may cost {most.money:,.4f}"
        )
    return None


def budget_end(source: str, excess: str, kept: int) -> DataError:
    """What is said where nothing more fits.

    Args:
        kept: answers that are there.
    """
    return DataError(
        f"source {source!r}: {excess}: raise it or lower `documents`; "
        f"{kept:,} answers are kept and not asked again"
    )
