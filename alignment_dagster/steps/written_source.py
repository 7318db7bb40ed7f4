"""A source that is written: what is missing is asked for, then its documents are read."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from alignment_dagster.corpus.reading import ReadFrom
from alignment_dagster.corpus.sources import finish_rows
from alignment_dagster.graph.build_context import BuildContext
from alignment_dagster.study import Source
from alignment_dagster.synthesis.covered import refuse_uncovered
from alignment_dagster.synthesis.rows import NoAnswers, make_plan, read_rows


@contextmanager
def written_source(context: BuildContext, source: Source) -> Iterator[ReadFrom]:
    """What reads the source, once all its documents are written.

    Raises:
        AlignmentError: if a scenario may not be written on, or the endpoint or the budget ends it;
            what was paid for stays.
    """
    study = context.study
    answers = NoAnswers()
    plan = make_plan(study, source, answers)
    refuse_uncovered(plan)
    failures: Mapping[str, str] = {}
    yield lambda _start, tally, _behind: finish_rows(
        source, read_rows(study, source, answers, failures), tally
    )
