"""What Dagster's tables show of foreign text: the text itself, and never a link."""

import pytest

from alignment_dagster.graph.show import cell, picture


@pytest.mark.parametrize("text", ["see http://a.example", "www.a.example", "write to a@b.example"])
def test_an_address_in_a_document_is_no_link(text: str) -> None:
    assert cell(text) == f"` {text} `"


def test_backticks_and_bars_do_not_end_what_is_shown_as_it_is() -> None:
    assert cell("`x` ``y`` http://a | b") == r"``` `x` ``y`` http://a  ```\|`  b `"


def test_other_text_is_escaped() -> None:
    assert cell("<b>|*") == r"\<b\>\|\*"
    assert cell("bad_chat@2") == r"bad\_chat@2"


def test_a_picture_is_fetched_from_nowhere() -> None:
    assert picture(b"x", "shares") == "![shares](data:image/png;base64,eA==)"
