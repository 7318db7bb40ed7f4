"""Scenario files and specifications: what stands in braces is a name that is filled, or refused."""

from pathlib import Path

import pytest
import yaml

from alignment_dagster.foundation.errors import DeclarationError
from alignment_dagster.synthesis.scenarios import read_scenarios
from tests.support.written_sources import ASSETS, written


@pytest.mark.parametrize(
    "braces",
    ["{nope}", "{people.__class__}", "{people[0]}", "{{7 * 7}}", "{% x %}", "{}", "{", "}"],
)
def test_a_phrase_with_an_unknown_name_or_code_is_refused_with_file_line_and_field(
    tmp_path: Path, braces: str
) -> None:
    declared = yaml.safe_load((ASSETS / "scenarios" / "articles.yaml").read_text("utf-8"))
    declared["scenarios"][0]["situations"][0] = f"The {braces} saw"
    path = tmp_path / "scenarios" / "articles.yaml"
    path.parent.mkdir()
    path.write_text(yaml.safe_dump(declared), encoding="utf-8")
    with pytest.raises(DeclarationError, match=r"articles\.yaml:\d+: scenarios\.0\.situations\.0:"):
        read_scenarios(written().reader, tmp_path)  # type: ignore[arg-type]


@pytest.mark.parametrize("field", ["tasks", "places", "people"])
def test_words_of_a_domain_hold_no_names(tmp_path: Path, field: str) -> None:
    """`people: ["{people}"]` would be filled with itself for ever."""
    declared = yaml.safe_load(
        (ASSETS / "specifications" / "ten_principles.yaml").read_text("utf-8")
    )
    declared["domains"][0][field] = ["{people}"]
    path = tmp_path / "specifications" / "ten_principles.yaml"
    path.parent.mkdir()
    path.write_text(yaml.safe_dump(declared), encoding="utf-8")
    source = written(specification="ten_principles.yaml")
    with pytest.raises(DeclarationError, match=rf"principles\.yaml:\d+: domains\.0\.{field}\.0:"):
        read_scenarios(source.reader, tmp_path)  # type: ignore[arg-type]
