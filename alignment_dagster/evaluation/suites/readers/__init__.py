"""How items files become items: one function for each declared reader."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from alignment_dagster.evaluation.suites.items import (
    Item,
    Row,
    UnusableRow,
    read_rows,
    read_table,
)
from alignment_dagster.evaluation.suites.readers.anthropic import read_anthropic_eval
from alignment_dagster.evaluation.suites.readers.lm_eval import read_lm_eval_task
from alignment_dagster.evaluation.suites.readers.native import read_cloze, read_scenario
from alignment_dagster.evaluation.suites.readers.tables import (
    read_choice,
    read_harmbench,
    read_prompt,
)
from alignment_dagster.study import Suite

Reader = Callable[[Path, Suite], Iterable[Item | UnusableRow]]
"""(the file, the suite) → its items, and the rows that none can be made of."""


def _by_row(
    read: Callable[[Row, Suite], Item], rows: Callable[[Path], Iterator[Row | UnusableRow]]
) -> Reader:
    def items(path: Path, suite: Suite) -> Iterator[Item | UnusableRow]:
        for row in rows(path):
            if isinstance(row, UnusableRow):
                yield row
                continue
            try:
                yield read(row, suite)
            except UnusableRow as fault:
                yield fault

    return items


READERS: dict[str, Reader] = {
    "scenarios": _by_row(read_scenario, read_rows),
    "cloze": _by_row(read_cloze, read_rows),
    "anthropic_evals": _by_row(read_anthropic_eval, read_rows),
    "choice_table": _by_row(read_choice, read_table),
    "harmbench": _by_row(read_harmbench, read_table),
    "prompts": _by_row(read_prompt, read_table),
    "lm_eval_task": read_lm_eval_task,
}
