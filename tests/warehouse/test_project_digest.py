"""The digest of the dbt project is of what it computes, not of how it is described."""

import shutil
from pathlib import Path

from alignment_dagster.warehouse.paths import PROJECT, files_digest, project_digest


def changed(folder: Path, file: str, old: str, new: str) -> tuple[bool, bool]:
    """Whether another text in a file changes what is computed, and what dbt has to parse."""
    project = folder / f"{len(list(folder.iterdir()))}"
    shutil.copytree(PROJECT, project, ignore=shutil.ignore_patterns("target", "logs"))
    before = (project / file).read_text()
    assert old in before
    (project / file).write_text(before.replace(old, new))
    return project_digest(project) != project_digest(), files_digest(project) != files_digest()


def test_descriptions_and_comments_are_only_parsed_again(tmp_path: Path) -> None:
    yml = "models/corpus/documents.yml"
    assert changed(tmp_path, yml, "Every document of the study", "All documents") == (False, True)
    assert changed(tmp_path, yml, "version: 2", "# a comment\nversion: 2") == (False, True)
    assert changed(tmp_path, yml, "[unique, not_null]", "[not_null]") == (True, True)
    assert changed(tmp_path, "dbt_project.yml", "view", "table") == (True, True)
    assert changed(tmp_path, "models/corpus/documents.sql", "select", "SELECT") == (True, True)
    assert changed(tmp_path, yml, "", "") == (False, False)
