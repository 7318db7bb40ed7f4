"""What is still to be asked for a source, and what that may cost."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from alignment_dagster.language_models.answer_store import AnswerStore
from alignment_dagster.language_models.cost import FREE, Cost, most_cost
from alignment_dagster.study import Source, Study
from alignment_dagster.study.synthesis import Grammar, OpenAICompatible, SyntheticReader
from alignment_dagster.synthesis.document_request import DocumentRequest
from alignment_dagster.synthesis.plan import Plan
from alignment_dagster.synthesis.rows import make_plan

LOOKED_UP = 512
"""Requests whose answers are looked for together."""


@dataclass(frozen=True)
class Outstanding:
    """Of one source that a model writes."""

    source: Source
    reader: SyntheticReader
    wanted: int
    answered: int
    most: Cost
    """Of all that is missing, one attempt each."""
    spent: Cost
    """Until now, reservations among it."""


def written_by_models(study: Study) -> tuple[Source, ...]:
    """The sources of a study that a language model writes."""
    return tuple(
        source
        for source in study.sources
        if isinstance(source.reader, SyntheticReader)
        and not isinstance(source.reader.generator, Grammar)
    )


def find_outstanding(study: Study, source: Source, store: AnswerStore) -> Outstanding:
    """Count what a source wants, and what of it is there.

    Raises:
        AlignmentError: if what it starts from cannot be read.
    """
    plan = make_plan(study, source, store)
    generator = plan.reader.generator
    price = generator.price if isinstance(generator, OpenAICompatible) else None
    wanted, most = 0, [FREE]
    for request, is_answered in look_up(plan, store):
        wanted += 1
        if not is_answered:
            most.append(most_cost(request, price))
    currency = price.currency if price else ""
    total = Cost(
        sum(one.prompt_tokens for one in most),
        sum(one.completion_tokens for one in most),
        sum(one.money for one in most),
        currency,
    )
    spent = store.spent(source.name, currency)
    return Outstanding(source, plan.reader, wanted, wanted - len(most) + 1, total, spent)


def look_up(plan: Plan, store: AnswerStore) -> Iterator[tuple[DocumentRequest, bool]]:
    """Each request of a plan, and whether it has an answer."""
    requests = plan.requests()
    while some := list(islice(requests, LOOKED_UP)):
        known = store.answered([one.digest for one in some])
        for one in some:
            yield one, one.digest in known
