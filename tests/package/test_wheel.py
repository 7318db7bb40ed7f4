"""A wheel in an empty folder gives a working project, without the checkout."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from alignment_dagster.foundation.digests import sha256_file
from alignment_dagster.warehouse import project_digest
from tests.support.checkout import CHECKOUT
from tests.support.installed_wheel import Installed
from tests.support.tiny_study import write_jsonl

STUDY = "first_study"
OWN = "my_stories"


def files(folder: Path) -> Mapping[Path, str]:
    return {path: sha256_file(path) for path in folder.rglob("*") if path.is_file()}


def change(declaration: Path, *changes: tuple[str, str]) -> None:
    text = declaration.read_text()
    for usual, smaller in changes:
        assert usual in text
        text = text.replace(usual, smaller)
    declaration.write_text(text)


@pytest.fixture
def project(installed: Installed, tmp_path: Path) -> Path:
    installed.alignment("init", "mine", cwd=tmp_path)
    return tmp_path / "mine"


@pytest.mark.slow
def test_only_the_wheels_own_files_are_found(installed: Installed, tmp_path: Path) -> None:
    program = "import alignment_dagster, sys; print(alignment_dagster.__file__, *sys.path)"
    found = installed.run("-c", program, cwd=tmp_path).split()
    assert Path(found[0]).is_relative_to(installed.folder)
    assert str(CHECKOUT) not in found


@pytest.mark.slow
def test_a_wheel_holds_the_same_dbt_project_and_every_template(
    installed: Installed, tmp_path: Path
) -> None:
    program = "from alignment_dagster.warehouse import project_digest; print(project_digest())"
    assert installed.run("-c", program, cwd=tmp_path).strip() == project_digest()
    package = CHECKOUT / "alignment_dagster"
    missing = [
        path
        for path in package.rglob("templates/*")
        if not (installed.folder / path.relative_to(CHECKOUT)).is_file()
    ]
    assert not missing


@pytest.mark.slow
def test_a_new_project_is_checked_from_a_folder_below_it(
    installed: Installed, project: Path
) -> None:
    told = installed.alignment("check", cwd=project / "assets" / "sources")
    assert f"{STUDY}: 5 sources, 2 recipes" in told
    assert "no study names it" not in told


@pytest.mark.slow
def test_a_new_project_runs_to_results_from_a_folder_below_it(
    installed: Installed, project: Path
) -> None:
    """With a source of one's own; nothing is written beside the installed modules, and the wheel's
    version is on record."""
    installed.alignment("new", "source", OWN, cwd=project)
    own = [{"id": n, "text": f"Ann painted the gate of house {n} green."} for n in range(60)]
    write_jsonl(project / "assets" / "sources" / "files" / f"{OWN}.jsonl", own)
    change(
        project / "assets" / "studies" / f"{STUDY}.yaml",
        ("sources:\n", f"sources:\n  - {OWN}\n"),
        ("tokens: 150000", "tokens: 16000"),
        ("width: 128", "width: 32"),
        ("heads: 4", "heads: 2"),
        ("examples: 200", "examples: 32"),
        ("examples: 100", "examples: 16"),
        ("held_out_documents: 60", "held_out_documents: 6"),
    )
    for suite in ("articles", "cloze"):
        change(
            project / "assets" / "suites" / f"{suite}.yaml", ("items:\n", "items:\n  limit: 8\n")
        )
    before = files(installed.folder)
    below = project / "notes"
    below.mkdir()

    installed.alignment("run", STUDY, cwd=below)
    rows = json.loads(installed.alignment("results", STUDY, "--json", cwd=below))
    touched = installed.alignment("audit", "impact", STUDY, f"source:{OWN}", cwd=below)

    assert {row["recipe"] for row in rows} >= {"unfiltered", "alignment_upsampled"}
    assert f"{len(own)} documents" in touched
    assert files(installed.folder) == before
    assert not any(below.iterdir())
    records = list((project / ".alignment" / "lake" / STUDY).rglob("provenance.json"))
    assert records
    for record in records:
        assert json.loads(record.read_text())["environment"]["alignment-dagster"] == "0.1.0"
