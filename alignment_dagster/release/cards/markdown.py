"""Markdown with a YAML block on top; foreign text stays text."""

import re
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

import yaml

from alignment_dagster.foundation.visible_text import visible

SPECIAL = re.compile(r"([\\`*_\[\]()#|~$!^{}])")
LINKS = re.compile(r"(?<=:)//|(?<=www)\.|@", re.IGNORECASE)
STARTS = re.compile(r"^([-+](?=\s|$)|--|=|\d+[.)](?=\s|$))")
LONGEST = 10_000
"""Characters of a line of YAML; folding would break no text, and helps nobody."""

NO_CODE = {ord("`"): "\u02bc", ord("\\"): "\u2216"}

Cell = str | int | float | None


class Code(str):
    """A name or digest of ours, shown as it is."""


def plain(value: str) -> str:
    """Foreign text on one line, with nothing in it that moves or hides text."""
    return " ".join(visible(value).split())


def text(value: str) -> str:
    """Foreign text in Markdown: no markup, no HTML, no link."""
    marked = SPECIAL.sub(r"\\\1", escape(plain(value), quote=False))
    linkless = LINKS.sub(lambda found: "".join(f"&#{ord(one)};" for one in found[0]), marked)
    return STARTS.sub(lambda found: f"&#{ord(found[0][0])};{found[0][1:]}", linkless)


def code(value: str) -> str:
    """A name or a digest of ours in a code span; a backtick in it would end it."""
    return f"`{plain(value).translate(NO_CODE)}`"


def number(value: float) -> str:
    """Four digits that count."""
    return f"{value:,}" if isinstance(value, int) else f"{value:,.4g}"


def front_matter(values: Mapping[str, Any]) -> str:
    """The YAML block; every text in it is on one line."""
    dumped = yaml.safe_dump(
        _tidy(values), sort_keys=False, allow_unicode=True, width=LONGEST, default_flow_style=False
    )
    return f"---\n{dumped}---\n"


def table(columns: Sequence[str], rows: Iterable[Sequence[Cell]]) -> list[str]:
    """A table's lines; numbers to the right. Texts are foreign unless they are `Code`."""
    held = [list(row) for row in rows]
    if not held:
        return ["None.", ""]
    right = [
        all(isinstance(row[at], int | float) or row[at] is None for row in held)
        for at in range(len(columns))
    ]
    line = ["---:" if one else "---" for one in right]
    body = [_line([_table_cell(value) for value in row]) for row in held]
    return [_line(columns), _line(line), *body, ""]


def bullets(pairs: Mapping[str, Cell]) -> list[str]:
    """A list of names with their values."""
    return [*(f"- {text(name)}: {_cell(value)}" for name, value in pairs.items()), ""]


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _table_cell(value: Cell) -> str:
    """In a code span of a table a bar is escaped too, and only there."""
    shown = _cell(value)
    return shown.replace("|", "\\|") if isinstance(value, Code) else shown


def _cell(value: Cell) -> str:
    if value is None:
        return ""
    if isinstance(value, Code):
        return code(value)
    return text(value) if isinstance(value, str) else number(value)


def _tidy(value: Any) -> Any:
    if isinstance(value, str):
        return plain(value)
    if isinstance(value, Mapping):
        return {plain(str(name)): _tidy(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_tidy(one) for one in value]
    return value
