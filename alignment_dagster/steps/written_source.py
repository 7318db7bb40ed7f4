"""A source that is written: what is missing is asked for, then its documents are read."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict

from alignment_dagster.corpus.reading import ReadFrom
from alignment_dagster.graph import progress_listener
from alignment_dagster.graph.build_context import BuildContext
from alignment_dagster.graph.progress_listener import MONEY, Advance
from alignment_dagster.language_models.answer_store import AnswerStore
from alignment_dagster.language_models.cost import most_cost
from alignment_dagster.language_models.endpoint import ask
from alignment_dagster.language_models.progress import Progress
from alignment_dagster.study import Source
from alignment_dagster.study.synthesis import (
    Grammar,
    OpenAICompatible,
    SyntheticReader,
    Transformers,
)
from alignment_dagster.synthesis.checkpoint_job import Asked, CheckpointJob
from alignment_dagster.synthesis.covered import refuse_uncovered
from alignment_dagster.synthesis.outstanding import look_up
from alignment_dagster.synthesis.plan import Plan
from alignment_dagster.synthesis.rows import Answers, NoAnswers, make_plan, read_rows

CHECKPOINT = "alignment_dagster.synthesis.generators.checkpoint"
REQUESTS = "requests.jsonl"


@contextmanager
def written_source(context: BuildContext, source: Source) -> Iterator[ReadFrom]:
    """What reads the source, once all its documents are written.

    Raises:
        AlignmentError: if a scenario may not be written on, or the endpoint or the budget ends it;
            what was paid for stays.
    """
    reader = source.reader
    assert isinstance(reader, SyntheticReader)
    if isinstance(reader.generator, Grammar):
        refuse_uncovered(make_plan(context.study, source, NoAnswers()))
        yield _reading(context, source, NoAnswers(), {})
        return
    with AnswerStore(context.stores.home.answers) as answers:
        plan = make_plan(context.study, source, answers)
        refuse_uncovered(plan)
        yield _reading(context, source, answers, _write_missing(context, plan, answers))


def _reading(
    context: BuildContext, source: Source, answers: Answers, failures: Mapping[str, str]
) -> ReadFrom:
    return lambda _start, tally, _behind: read_rows(context.study, source, answers, failures, tally)


def _write_missing(context: BuildContext, plan: Plan, answers: AnswerStore) -> Mapping[str, str]:
    """Ask for every document that nobody wrote yet; the requests that none came of, and why."""
    generator = plan.reader.generator
    if isinstance(generator, OpenAICompatible):
        return ask(
            plan.requests(),
            plan.source.name,
            generator,
            answers,
            lambda progress: _tell(context, plan, progress),
            progress_listener.check,
            plan.total,
        )
    if isinstance(generator, Transformers):
        _ask_checkpoint(context, plan, generator, answers)
    return {}


def _tell(context: BuildContext, plan: Plan, progress: Progress) -> None:
    values = {
        "known": float(progress.stored),
        "in_flight": float(progress.in_flight),
        "documents_per_second": progress.per_second,
        "tokens": float(progress.spent.tokens),
    }
    generator = plan.reader.generator
    if isinstance(generator, OpenAICompatible) and generator.price is not None:
        values[f"{MONEY}{generator.price.currency}"] = progress.spent.money
    total = progress.total or progress.done
    context.tell(Advance(progress.done, total, "requests", values))


def _ask_checkpoint(
    context: BuildContext, plan: Plan, generator: Transformers, answers: AnswerStore
) -> None:
    path = context.work / REQUESTS
    path.parent.mkdir(parents=True, exist_ok=True)
    missing = 0
    with path.open("w", encoding="utf-8") as file:
        for one, is_answered in look_up(plan, answers):
            if not is_answered:
                most = most_cost(one, None).prompt_tokens
                asked = Asked(one.digest, one.messages, one.continued, one.seed, most)
                file.write(json.dumps(asdict(asked)) + "\n")
                missing += 1
    if missing:
        job = CheckpointJob(
            source=plan.source.name,
            generator=generator,
            requests=str(path),
            answers=str(context.stores.home.answers),
            work=str(context.work),
        )
        context.run_job(CHECKPOINT, job, None)
