"""An answer as a page: complete, self-contained, and harmless whatever its texts hold."""

import re
from pathlib import Path

import pytest

from alignment_dagster.audit.answer import Answer, Node, Table
from alignment_dagster.audit.pages.answer_page import render, write_page
from alignment_dagster.cli.answer_terminal import show
from alignment_dagster.foundation.errors import AlignmentError
from tests.support.read_page import Read

HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "{{ 7 * 7 }}{% for x in () %}",
    "\x1b[31mred\x1b[0m",
    "\u202egnp.exe",
    "</style><style>*{display:none}",
    "<!-- ",
    "\ud800",
    "x" * 20_000,
)
ALLOWED = {
    "html", "head", "meta", "title", "style", "body", "main", "header", "nav", "a", "p", "h1", "h2",
    "section", "div", "ul", "li", "details", "summary", "span", "code", "table", "thead", "tbody",
    "tr", "th", "td", "footer",
}  # fmt: skip


def everywhere(text: str) -> Answer:
    """An answer that holds a text wherever one can stand."""
    child = Node(text, text, (), "bad", f"http://127.0.0.1:5001/{text}")
    return Answer(
        text,
        (text,),
        (Node(text, text, (child,)), Table(text, (text, "n"), ((text, 1), (None, 2.5)), 3)),
        {},
        warnings=(text,),
    )


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_stays_text_wherever_it_stands(text: str) -> None:
    links = [("http://127.0.0.1:5001/", text)]
    seen = Read(render(everywhere(text), None, links, links, (Node(text),)))
    assert seen.tags <= ALLOWED
    assert not [name for name in seen.attributes if name.startswith("on")]
    assert seen.attributes <= {
        "lang", "charset", "name", "content", "http-equiv", "class", "href", "open", "tabindex",
        "role", "aria-label", "scope",
    }  # fmt: skip
    assert all(link.startswith("http://127.0.0.1:5001/") for link in seen.links)
    if text.isascii() and text.isprintable():
        assert seen.text.count(text) >= 10


def test_what_moves_or_reorders_text_is_shown_as_its_code_point() -> None:
    page = render(everywhere("a\x1b[2J\u202eb\u2066"))
    assert "a[U+001B][2J[U+202E]b[U+2066]" in page
    assert not re.search("[\x1b\u202e\u2066]", page)


def test_jinja_in_a_text_is_not_run() -> None:
    page = render(everywhere("{{ 7 * 7 }}{{ cycler.__init__ }}"))
    assert "{{ 7 * 7 }}" in page
    assert "49" not in Read(page).text


def test_a_page_runs_no_script_and_loads_nothing() -> None:
    page = render(everywhere("x"))
    assert "default-src 'none'; style-src 'unsafe-inline'; img-src data:" in page
    seen = Read(page)
    assert not seen.tags & {"script", "link", "iframe", "object", "img", "form", "base"}
    assert "@import" not in page
    assert "url(" not in page


def test_numbers_stand_at_the_right_and_texts_at_the_left() -> None:
    rows = (("a", 1234, None), ("b", 0.123456, None), ("c", None, 7))
    table = Table("t", ("name", "value", "rare"), rows, left_out=1200)
    page = render(Answer("t", (), (table,), {}))
    assert '<th scope="col">name</th><th scope="col" class=n>value</th>' in page
    assert "<td>a</td><td class=n>1,234</td><td class=n>-</td>" in page
    assert "<td>b</td><td class=n>0.1235</td>" in page
    assert "1,200 more rows are not shown." in page


def test_warnings_come_before_the_title() -> None:
    page = render(Answer("the title", ("said",), (), {}, warnings=("broken seal",)))
    assert page.index("broken seal") < page.index("<h1>the title")


def test_deep_and_broad_branches_start_folded() -> None:
    broad = Node("broad", "", [Node(str(number)) for number in range(50)])
    deep = Node("a", "", [Node("b", "", [Node("c", "", [Node("d")])])])
    page = render(Answer("t", (), (broad, deep), {}))
    assert re.findall(r"<details( open)?><summary><span class=\"plain\">(\w+)", page) == [
        ("", "broad"), (" open", "a"), (" open", "b"), ("", "c"),
    ]  # fmt: skip


def test_a_branch_can_say_that_it_is_open_or_folded() -> None:
    deep = Node("a", "", [Node("b", "", [Node("c", "", [Node("d")], folded=False)], folded=True)])
    page = render(Answer("t", (), (deep,), {}))
    assert re.findall(r"<details( open)?><summary><span class=\"plain\">(\w+)", page) == [
        (" open", "a"), ("", "b"), (" open", "c"),
    ]  # fmt: skip


def test_a_long_table_is_folded_with_its_count_and_whole(
    capsys: pytest.CaptureFixture[str],
) -> None:
    rows = [(f"row-{number}",) for number in range(1200)]
    answer = Answer("t", (), (Table("c", ("name",), rows, shown=3),), {})
    page = render(answer)
    assert '<details class="rows"><summary>1,200 rows</summary>' in page
    assert "row-1199" in page
    show(answer)
    printed = capsys.readouterr().out
    assert "c (… and 1,197 more rows: --json has all)" in printed
    assert "row-2" in printed
    assert "row-3" not in printed
    short = Answer("t", (), (Table("c", ("name",), rows[:3], shown=3),), {})
    assert "<details" not in render(short)


def test_an_address_is_not_said_twice() -> None:
    link = "http://127.0.0.1:3000/runs/1"
    page = render(Answer("t", (), (Node("run", f"1  {link}", (), "plain", link),), {}))
    assert page.count(link) == 1


def test_a_page_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    answer = everywhere("x")
    write_page(answer, tmp_path / "a.html")
    assert (tmp_path / "a.html").read_text() == render(answer)
    with pytest.raises(AlignmentError, match="is a folder; name a file"):
        write_page(answer, tmp_path)
    with pytest.raises(AlignmentError, match="cannot be written"):
        write_page(answer, tmp_path / "not" / "there.html")
    assert [path.name for path in tmp_path.iterdir()] == ["a.html"]
