"""The gates that docs/synthetic.md shows are rules that a study takes."""

from pathlib import Path

import yaml

from tests.docs.documents import DOCS, FENCED
from tests.support import covered_lake
from tests.support.tiny_study import STUDY


def test_the_gates_of_the_page_are_taken_as_they_stand(tmp_path: Path) -> None:
    page = (DOCS / "synthetic.md").read_text(encoding="utf-8")
    (block,) = [text for language, text in FENCED.findall(page) if language == "yaml"]
    shown = yaml.safe_load(block.replace("synthetic_aligned", "synthetic_good"))
    tiny = covered_lake.declare(tmp_path)
    tiny.change(sources=[*STUDY["sources"], *covered_lake.SOURCES], **shown)
    assert [rule.rule for rule in tiny.load().declaration.drop] == [
        rule["rule"] for rule in shown["drop"]
    ]
