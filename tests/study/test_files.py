"""Studies may lie in folders of their own, and each has its name alone."""

from pathlib import Path

import pytest

from alignment_dagster.foundation.errors import DeclarationError
from alignment_dagster.study.files import study_files
from tests.support.tiny_study import NAME, TinyStudy


def test_a_study_in_a_folder_is_loaded_as_any_other(tiny: TinyStudy) -> None:
    before = tiny.load()
    papers = tiny.assets / "studies" / "papers"
    papers.mkdir()
    (tiny.assets / "studies" / f"{NAME}.yaml").rename(papers / f"{NAME}.yaml")
    assert tiny.load() == before


def test_two_studies_of_one_name_are_refused(tmp_path: Path) -> None:
    for folder in ("studies", "studies/papers"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.yaml").write_text("name: a\n")
    with pytest.raises(DeclarationError, match="is a study of the same name"):
        study_files(tmp_path)
