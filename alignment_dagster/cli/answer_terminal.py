"""An answer in the terminal: sentences, trees and tables; hostile text is made harmless."""

import json
from pathlib import Path

from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text
from rich.tree import Tree

from alignment_dagster.audit.answer import Answer, Node, Table, Tone, cell_text
from alignment_dagster.foundation.visible_text import visible

STYLES: dict[Tone, str] = {
    "plain": "",
    "good": "green",
    "bad": "red",
    "dim": "dim",
    "strong": "bold",
}


NARROWEST = 132
"""Columns; below, names would be cut off."""


def show(answer: Answer, *, as_json: bool = False, html: Path | None = None) -> None:
    """Print an answer, as JSON where asked; also write it as a page where a file is named.

    Raises:
        AlignmentError: if the page cannot be written.
    """
    if html is not None:
        from alignment_dagster.audit.pages.answer_page import write_page

        write_page(answer, html)
    if as_json:
        print(json.dumps(answer.data, indent=1, ensure_ascii=False, sort_keys=False))
        return
    console = Console(highlight=False)
    console.width = max(console.width, NARROWEST)
    for warning in answer.warnings:
        console.print(_text(warning, "bad"), soft_wrap=True)
    console.print(_text(answer.title, "strong"), soft_wrap=True)
    for sentence in answer.sentences:
        console.print(_text(sentence, answer.tone), soft_wrap=True)
    for block in answer.blocks:
        if isinstance(block, Node):
            console.print(_tree(block))
            continue
        left_out = _left_out(block)
        more = f" (… and {left_out:,} more rows: --json has all)" if left_out else ""
        console.print(_text(f"{block.caption}{more}", "plain"), soft_wrap=True)
        console.print(_table(block))


def _tree(node: Node) -> Tree:
    tree = Tree(_line(node), guide_style="dim")
    _grow(tree, node)
    return tree


def _grow(tree: Tree, node: Node) -> None:
    for child in node.children:
        _grow(tree.add(_line(child)), child)


def _line(node: Node) -> Text:
    line = _text(node.text, node.tone)
    return line.append_text(_text(f"  {node.detail}", "dim")) if node.detail else line


def _table(block: Table) -> RichTable:
    numeric = [
        all(isinstance(row[index], int | float) or row[index] is None for row in block.rows)
        for index in range(len(block.columns))
    ]
    table = RichTable(box=None, pad_edge=False)
    for name, right in zip(block.columns, numeric, strict=True):
        table.add_column(_text(cell_text(name), "dim"), justify="right" if right else "left")
    for row in block.rows[: block.shown]:
        table.add_row(*(_text(cell_text(value), "plain") for value in row))
    return table


def _left_out(block: Table) -> int:
    return block.left_out + len(block.rows) - len(block.rows[: block.shown])


def _text(text: str, tone: Tone) -> Text:
    return Text(visible(text), style=STYLES[tone])
