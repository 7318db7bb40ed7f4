"""A message about a declared setting begins with its file and line."""

import pytest

from alignment_dagster.graph.build_context import setting_place
from alignment_dagster.study.smoke import smoke_run
from tests.support.tiny_study import MEASURED, NAME, TinyStudy


@pytest.mark.parametrize("setting", ["pretraining.batch_size", "tampering.0.batch_size"])
def test_it_is_the_line_on_which_the_field_stands(tiny: TinyStudy, setting: str) -> None:
    tiny.change(**MEASURED)
    study = tiny.load()
    file = tiny.assets / "studies" / f"{NAME}.yaml"
    lines = file.read_text().splitlines()
    for one in (study, smoke_run(study)):
        place, line, _ = setting_place(one, setting).rsplit(":", 2)
        assert place == str(file)
        section = setting.split(".")[0]
        begins = next(n for n, text in enumerate(lines) if text.startswith(f"{section}:"))
        wanted = next(n for n in range(begins, len(lines)) if "batch_size" in lines[n])
        assert int(line) == wanted + 1


def test_a_file_that_is_gone_has_no_place(tiny: TinyStudy) -> None:
    study = tiny.load()
    (tiny.assets / "studies" / f"{NAME}.yaml").write_text("[")
    assert setting_place(study, "pretraining.batch_size") == ""
