"""What a page of documents can be asked for, as its address names it."""

import math
from collections.abc import Mapping

from alignment_dagster.audit.corpus.current import Corpus
from alignment_dagster.audit.corpus.sample import FILTERS, Asked
from alignment_dagster.audit.corpus.thresholds import require_column
from alignment_dagster.foundation.errors import AlignmentError
from alignment_dagster.lineage.archive import similar

RECIPE, COLUMN, ABOVE, BELOW, ORDER, PAGE = "recipe", "column", "above", "below", "order", "page"
HIGHEST, LOWEST = "highest", "lowest"
KNOWN = (RECIPE, *FILTERS, COLUMN, ABOVE, BELOW, ORDER, PAGE)


def read_asked(corpus: Corpus, given: Mapping[str, str]) -> Asked:
    """What an address asks for; the first recipe where it names none.

    Raises:
        AlignmentError: if something else is asked for, or there is no such recipe or column.
    """
    asked = {name: value for name, value in given.items() if value}
    for name in asked:
        if name not in KNOWN:
            raise AlignmentError(f"documents have no {name!r} (near: {similar(name, KNOWN)})")
    recipe = asked.get(RECIPE) or next(iter(corpus.recipes), "")
    corpus.decided(recipe)
    column = asked.get(COLUMN)
    if column is not None:
        require_column(corpus, column)
    elif ABOVE in asked or BELOW in asked:
        raise AlignmentError(f"a bound is of a score: name its {COLUMN} too")
    if asked.get(ORDER, HIGHEST) not in (HIGHEST, LOWEST):
        raise AlignmentError(f"{ORDER}={asked[ORDER]}: is {HIGHEST} or {LOWEST}")
    page = asked.get(PAGE, "1")
    if not (page.isascii() and page.isdigit() and 0 < int(page) < 10**9):
        raise AlignmentError(f"{PAGE}={page}: is a number from 1 on")
    return Asked(
        recipe,
        {name: asked[name] for name in FILTERS if name in asked},
        column,
        _read_number(asked, ABOVE),
        _read_number(asked, BELOW),
        asked.get(ORDER, HIGHEST) == HIGHEST,
        int(page),
    )


def _read_number(asked: Mapping[str, str], name: str) -> float | None:
    if name not in asked:
        return None
    try:
        number = float(asked[name])
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise AlignmentError(f"{name}={asked[name]}: is no number")
    return number
