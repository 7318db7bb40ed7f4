"""A name that means something else is refused with file and line, before anything is made."""

import pytest
import yaml

from alignment_dagster.foundation.errors import DeclarationError
from alignment_dagster.lineage.partition_keys import UNPARTITIONED
from alignment_dagster.preflight.studies import load_study
from alignment_dagster.study import HELD_OUT
from alignment_dagster.study.reserved_names import CLASSIFIERS, RECIPES, SOURCES, SUITES
from tests.support.tiny_study import MEASURED, NAME, TAMPERING, TinyStudy


def rename(study: TinyStudy, kind: str, old: str, new: str) -> None:
    """A declared file, and where the study names it."""
    path = study.assets / kind / f"{old}.yaml"
    study.write(f"{kind}/{new}", {**yaml.safe_load(path.read_text()), "name": new})
    path.unlink()
    declared = yaml.safe_load((study.assets / "studies" / f"{NAME}.yaml").read_text())
    study.change(**{kind: [new if name == old else name for name in declared[kind]]})


@pytest.mark.parametrize(
    ("kind", "old", "new"),
    [
        *(("sources", "ai_news", name) for name in ("all", "held_out")),
        *(("recipes", "aligned", name) for name in ("all", "current", "previous")),
        ("suites", "articles", "held_out"),
    ],
)
def test_a_reserved_word_is_refused_with_file_line_and_field(
    tiny: TinyStudy, kind: str, old: str, new: str
) -> None:
    rename(tiny, kind, old, new)
    with pytest.raises(DeclarationError) as refused:
        load_study(NAME, tiny.assets)
    path = tiny.assets / kind / f"{new}.yaml"
    line = path.read_text().splitlines().index(f"name: {new}") + 1
    assert f"{path}:{line}: name: " in str(refused.value)
    assert "choose another name" in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("name", ["base", "pretraining", "trunk", "sft"])
def test_tampering_is_not_called_as_another_stage_is(tiny: TinyStudy, name: str) -> None:
    tiny.change(**{**MEASURED, "tampering": [{**TAMPERING, "name": name}]})
    with pytest.raises(DeclarationError, match=r"tampering\.0\.name: .*name of another stage"):
        load_study(NAME, tiny.assets)


def test_what_the_code_gives_a_meaning_is_reserved() -> None:
    for reserved in (SOURCES, CLASSIFIERS, RECIPES):
        assert UNPARTITIONED in reserved
    assert HELD_OUT in SUITES
