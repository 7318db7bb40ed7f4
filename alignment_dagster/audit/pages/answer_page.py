"""An answer as one self-contained HTML page: no script, no network, all text escaped."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alignment_dagster.audit.answer import Answer, Cell, Link, Node, Table, cell_text
from alignment_dagster.foundation.atomic_files import atomic_file
from alignment_dagster.foundation.errors import AlignmentError
from alignment_dagster.foundation.page_links import audit_glossary
from alignment_dagster.foundation.visible_text import visible

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

    from alignment_dagster.audit.pages.graph import Graph


@dataclass(frozen=True)
class Picture:
    """Markup that was drawn here from numbers and escaped names."""

    svg: str
    caption: str


@dataclass(frozen=True)
class Form:
    """What is asked for in the page's own address, besides what is asked for already."""

    kept: Mapping[str, str]
    """Sent along as it is."""
    choices: Mapping[str, Sequence[str]]
    """Field → the values to choose from; the empty one is always there."""
    numbers: Sequence[str]
    """Fields for a number."""
    given: Mapping[str, str]
    """Field → what is asked for now."""


Links = Sequence[tuple[str, str]]
"""Address and name."""
TEMPLATE = "page.html.j2"
OPEN_CHILDREN = 40
"""A branch with more children starts folded."""
DIGEST = re.compile(r"(?<!@)\b([0-9a-f]{16,64})\b")
"""A version behind its artifact's name is part of the name."""


def render(
    answer: Answer,
    graph: "Graph | None" = None,
    trail: Links = (),
    doors: Links = (),
    above: Sequence[Node | Picture] = (),
    search: str | None = None,
    form: Form | None = None,
) -> str:
    """The page.

    Args:
        graph: shown above the answer's blocks.
        trail: links to where the page belongs.
        doors: links to what else shows the same.
        above: trees and pictures that stand above the graph.
        search: what was searched for; None where the page has no field for it.
        form: what else can be asked of the page.
    """
    template = _environment().get_template(TEMPLATE)
    return template.render(
        answer=answer,
        graph=graph,
        trail=trail,
        doors=doors,
        above=above,
        search=search,
        glossary=audit_glossary(),
        form=form,
    )


def write_page(answer: Answer, path: Path) -> None:
    """Write the page to a file, whole or not at all.

    Raises:
        AlignmentError: if the file cannot be written.
    """
    write_html(render(answer), path)


def write_html(text: str, path: Path) -> None:
    """Write a page aside and move it into place.

    Raises:
        AlignmentError: if the file cannot be written.
    """
    if path.is_dir():
        raise AlignmentError(f"{path}: is a folder; name a file")
    try:
        with atomic_file(path) as aside:
            aside.write_text(text, encoding="utf-8", errors="replace")
    except OSError as error:
        raise AlignmentError(f"{path}: cannot be written ({error.strerror})") from None


@cache
def _environment() -> "Environment":
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=PackageLoader("alignment_dagster.audit.pages", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_harmless,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"cell": cell_text, "digests": _digests, "drawn": Markup}
    environment.globals |= {"folded": _folded, "is_node": _is_node, "right": _right}
    environment.globals |= {"address": _address, "detail": _detail}
    return environment


def _harmless(value: Any) -> Any:
    """Escaped text is made visible as well; our own markup passes."""
    from markupsafe import Markup

    return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _digests(text: str) -> "Markup":
    """The text, escaped, with what looks like a digest set in a font of one width."""
    from markupsafe import Markup, escape

    parts = DIGEST.split(visible(text))
    code = Markup("<code>{}</code>")
    return Markup("").join(
        code.format(part) if index % 2 else escape(part) for index, part in enumerate(parts)
    )


def _address(value: Cell) -> str:
    """Where a cell leads; nowhere, as a rule."""
    return value.address if isinstance(value, Link) else ""


def _is_node(block: Node | Table | Picture) -> bool:
    return isinstance(block, Node)


def _detail(node: Node) -> str:
    """Without the address that the terminal shows: here the text itself is the link."""
    return node.detail.removesuffix(node.link).rstrip() if node.link else node.detail


def _folded(node: Node, depth: int) -> bool:
    if node.folded is not None:
        return node.folded
    return depth > 1 or len(node.children) > OPEN_CHILDREN


def _right(table: Table) -> list[bool]:
    """Of each column: whether it holds numbers only."""
    return [
        any(isinstance(row[index], int | float) for row in table.rows)
        and not any(isinstance(row[index], str | Link) for row in table.rows)
        for index in range(len(table.columns))
    ]
