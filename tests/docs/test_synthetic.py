"""What docs/synthetic.md shows is taken as it stands: sources, gates, a judge."""

from pathlib import Path

import yaml

from alignment_dagster.study.classifiers import LanguageModel
from alignment_dagster.study.synthesis import SyntheticReader
from tests.docs.documents import DOCS, FENCED
from tests.support import covered_lake
from tests.support.tiny_study import STUDY


def test_the_gates_of_the_page_are_taken_as_they_stand(tmp_path: Path) -> None:
    page = (DOCS / "synthetic.md").read_text(encoding="utf-8")
    blocks = [text for language, text in FENCED.findall(page) if language == "yaml"]
    (block,) = [text for text in blocks if "STUDY.yaml" in text]
    shown = yaml.safe_load(block.replace("synthetic_aligned", "synthetic_good"))
    tiny = covered_lake.declare(tmp_path)
    tiny.change(sources=[*STUDY["sources"], *covered_lake.SOURCES], **shown)
    assert [rule.rule for rule in tiny.load().declaration.drop] == [
        rule["rule"] for rule in shown["drop"]
    ]


def test_the_source_and_the_judge_of_the_page_are_taken_as_they_stand() -> None:
    page = (DOCS / "synthetic.md").read_text(encoding="utf-8")
    blocks = [text for language, text in FENCED.findall(page) if language == "yaml"]
    (reader,) = [yaml.safe_load(text)["reader"] for text in blocks if "sources/NAME" in text]
    (model,) = [yaml.safe_load(text)["model"] for text in blocks if "classifiers/" in text]
    assert SyntheticReader.model_validate(reader).start == "specification"
    assert LanguageModel.model_validate(model).answers == ("aligned", "misaligned", "neutral")
