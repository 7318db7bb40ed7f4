"""How items files become items: one function for each declared reader."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from alignment_dagster.evaluation.suites.items import Item, Row, read_rows, read_table
from alignment_dagster.evaluation.suites.readers.anthropic import anthropic_evals
from alignment_dagster.evaluation.suites.readers.lm_eval import lm_eval_task
from alignment_dagster.evaluation.suites.readers.own import cloze, scenario
from alignment_dagster.evaluation.suites.readers.tables import choice_table, harmbench, prompt
from alignment_dagster.study import Suite

Reader = Callable[[Path, Suite], Iterable[Item]]


def _by_row(read: Callable[[Row, Suite], Item], rows: Callable[[Path], Iterator[Row]]) -> Reader:
    return lambda path, suite: (read(row, suite) for row in rows(path))


READERS: dict[str, Reader] = {
    "scenarios": _by_row(scenario, read_rows),
    "cloze": _by_row(cloze, read_rows),
    "anthropic_evals": _by_row(anthropic_evals, read_rows),
    "choice_table": _by_row(choice_table, read_table),
    "harmbench": _by_row(harmbench, read_table),
    "prompts": _by_row(prompt, read_table),
    "lm_eval_task": lm_eval_task,
}
