"""An answer as one self-contained HTML page: no script, no network, all text escaped."""

import os
import uuid
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alignment_dagster.audit.answer import Answer, Node, Table
from alignment_dagster.errors import AlignmentError
from alignment_dagster.visible import visible

if TYPE_CHECKING:
    from jinja2 import Environment

TEMPLATE = "page.html.j2"
OPEN_CHILDREN = 40
"""A branch with more children starts folded."""


def render(answer: Answer, graph: str = "", trail: Sequence[tuple[str, str]] = ()) -> str:
    """The page.

    Args:
        graph: an SVG element of our own making, shown above the answer's blocks.
        trail: links to where the page belongs: address and name.
    """
    from markupsafe import Markup

    return (
        _environment()
        .get_template(TEMPLATE)
        .render(answer=answer, graph=Markup(graph), trail=trail, folded=_folded, is_node=_is_node)
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
    aside = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}")
    try:
        aside.write_text(text, encoding="utf-8")
        os.replace(aside, path)
    except OSError as error:
        aside.unlink(missing_ok=True)
        raise AlignmentError(f"{path}: cannot be written ({error.strerror})") from None


@cache
def _environment() -> "Environment":
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("alignment_dagster.audit.pages", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_harmless,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["cell"] = _cell
    return environment


def _harmless(value: Any) -> Any:
    """Escaped text is made visible as well; our own markup passes."""
    from markupsafe import Markup

    return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _is_node(block: Node | Table) -> bool:
    return isinstance(block, Node)


def _folded(node: Node, depth: int) -> bool:
    return depth > 1 or len(node.children) > OPEN_CHILDREN


def _cell(value: str | int | float | None) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool | str):
        return str(value)
    return f"{value:,}" if isinstance(value, int) else f"{value:,.4g}"
