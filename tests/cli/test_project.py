"""Which project a command is about, and how a new one is made."""

import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from alignment_dagster.cli.check import check
from alignment_dagster.cli.main import app
from alignment_dagster.foundation import home
from alignment_dagster.foundation.errors import AlignmentError
from alignment_dagster.lineage import checkout, provenance
from alignment_dagster.preflight.studies import load_study
from alignment_dagster.preflight.study_check import check_study
from alignment_dagster.scaffold import (
    FIRST_STUDY,
    create_project,
    write_declarations,
    write_new,
)
from tests.support.checkout import CHECKOUT


@pytest.fixture(autouse=True)
def nothing_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        home.PROJECT_VARIABLE,
        home.ASSETS_VARIABLE,
        home.HOME_VARIABLE,
        home.DAGSTER_VARIABLE,
    ):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    create_project(tmp_path / "project")
    return tmp_path / "project"


def test_the_project_is_the_nearest_one_at_or_above_the_working_directory(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inner = project / "experiments" / "second"
    create_project(inner)
    (project / "notes" / "july").mkdir(parents=True)
    for place, expected in (
        (project, project),
        (project / "notes" / "july", project),
        (project / "assets" / "studies", project),
        (inner / "assets", inner),
    ):
        monkeypatch.chdir(place)
        assert home.project_root() == expected
        assert home.assets_folder() == expected / "assets"
        assert home.Home.from_environment().root == expected / ".alignment"
        assert home.dagster_configuration() == expected / "dagster.yaml"
        assert home.workspace_file() == expected / "workspace.yaml"


def test_outside_of_a_project_one_message_says_how_to_make_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even where the package lies in a checkout that is one: nobody named that."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(AlignmentError, match=r"no project here or above .* `alignment init FOLDER"):
        home.project_root()


@pytest.mark.parametrize("name", ["what?", "no#1", "50%"])
def test_a_home_where_databases_would_end_up_elsewhere_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(home.HOME_VARIABLE, str(tmp_path / name / "home"))
    with pytest.raises(AlignmentError, match=r"^ALIGNMENT_HOME: .* holds '[?#%]'.* another folder"):
        home.Home.from_environment()
    monkeypatch.delenv(home.HOME_VARIABLE)
    monkeypatch.setenv(home.PROJECT_VARIABLE, str(tmp_path / name))
    with pytest.raises(AlignmentError, match=r"\.alignment: set ALIGNMENT_HOME: .* holds '[?#%]'"):
        home.Home.from_environment()
    assert not list(tmp_path.iterdir())


def test_the_environment_names_declarations_and_home_without_a_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(home.ASSETS_VARIABLE, str(tmp_path / "declared"))
    monkeypatch.setenv(home.HOME_VARIABLE, str(tmp_path / "computed"))
    assert home.assets_folder() == tmp_path / "declared"
    assert home.Home.from_environment().root == tmp_path / "computed"
    assert home.dagster_configuration() == CHECKOUT / "dagster.yaml"


def test_a_folder_in_which_nothing_is_declared_is_not_called_sound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(home.ASSETS_VARIABLE, str(tmp_path / "nowhere"))
    monkeypatch.setenv(home.HOME_VARIABLE, str(tmp_path / "computed"))
    with pytest.raises(AlignmentError, match=r"nowhere/studies: no study is declared there"):
        check()


def test_what_a_command_starts_has_its_project_wherever_it_works(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(home.PROJECT_VARIABLE, "")  # so that what is set is taken back
    monkeypatch.delenv(home.PROJECT_VARIABLE)
    monkeypatch.chdir(project / "assets")
    home.enter_project(Path.cwd())
    program = "from alignment_dagster.foundation.home import project_root; print(project_root())"
    child = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True
    )
    assert child.stdout.strip() == str(project), child.stderr


def test_a_new_project_is_declared_without_a_mistake(project: Path) -> None:
    study = load_study(FIRST_STUDY, project / "assets")
    assert len(study.recipes) == 2
    assert study.declaration.seeds == (0,)
    assert any("120 items" in line for line in check_study(study))


def test_what_a_new_project_shares_with_the_shipped_studies_is_the_same(project: Path) -> None:
    """Only the study itself is the new project's own: nothing is stated twice."""
    written = {path for path in (project / "assets").rglob("*") if path.is_file()}
    own = {project / "assets" / "studies" / f"{FIRST_STUDY}.yaml"}
    for path in written - own:
        assert path.read_bytes() == (CHECKOUT / path.relative_to(project)).read_bytes()


def test_what_new_writes_can_be_used_as_it_is(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A study, a recipe and a source of one's own, named in the study: `check` finds no mistake."""
    monkeypatch.chdir(project)
    for kind, name in (("study", "second"), ("recipe", "mine"), ("source", "notes")):
        made = CliRunner().invoke(app, ["new", kind, name])
        assert made.exit_code == 0, made.output
        assert f"{name}.yaml is yours to change" in made.stdout
    path = project / "assets" / "studies" / "second.yaml"
    text = path.read_text().replace("recipes: [", "recipes: [mine, ")
    path.write_text(text.replace("sources:\n", "sources:\n  - notes\n"))
    checked = CliRunner().invoke(app, ["check"])
    assert checked.exit_code == 0, checked.output
    assert "second: 6 sources, 3 recipes, 1 seeds" in checked.stdout
    assert "no study names it" not in checked.stdout


@pytest.mark.parametrize("kind", ["study", "recipe", "source"])
def test_new_overwrites_nothing_and_takes_no_name_that_cannot_be_one(
    project: Path, kind: str
) -> None:
    assets = project / "assets"
    write_new(kind, "mine", assets)
    before = {path: path.read_bytes() for path in assets.rglob("*") if path.is_file()}
    for name, reason in (("mine", "is there already"), ("../Mine", "must be lower-case letters")):
        with pytest.raises(AlignmentError, match=reason):
            write_new(kind, name, assets)
    after = {path: path.read_bytes() for path in assets.rglob("*") if path.is_file()}
    assert after == before


def test_a_folder_that_holds_something_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(AlignmentError, match="is not empty"):
        create_project(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


@pytest.mark.parametrize("there", [True, False])
def test_a_project_is_made_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, there: bool
) -> None:
    def fails(*_: object) -> None:
        raise OSError("No space left on device")

    target = tmp_path / "project"
    if there:
        target.mkdir()
    monkeypatch.setattr("alignment_dagster.scaffold.project.write_declarations", fails)
    with pytest.raises(AlignmentError, match="was not written"):
        create_project(target)
    assert [*tmp_path.rglob("*")] == ([target] if there else [])


def test_an_empty_folder_that_somebody_works_in_becomes_the_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    create_project(Path())
    assert home.project_root() == Path.cwd() == tmp_path
    assert not (tmp_path / ".new").exists()


def test_declarations_that_are_there_stay_as_they_are(project: Path) -> None:
    recipe = project / "assets" / "recipes" / "unfiltered.yaml"
    recipe.write_text(recipe.read_text() + "# mine\n")
    write_declarations(project / "assets", "second_study")
    assert recipe.read_text().endswith("# mine\n")
    assert load_study("second_study", project / "assets").name == "second_study"


def test_the_commit_on_record_is_that_of_the_project_where_the_code_is_in_no_checkout(
    project: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed = tmp_path_factory.mktemp("site-packages")
    monkeypatch.chdir(project)
    monkeypatch.setattr(checkout, "PACKAGE", installed)
    monkeypatch.setattr(checkout, "shipped", installed.joinpath)
    checkout.git_state.cache_clear()
    try:
        assert checkout.git_state() == {"commit": "unknown", "dirty": "unknown"}
        author = ("-c", "user.name=n", "-c", "user.email=n@example.org")
        for arguments in (("init", "-q"), ("add", "."), (*author, "commit", "-qm", "first")):
            subprocess.run(["git", *arguments], cwd=project, check=True)
        head = subprocess.run(
            ["git", "rev-parse", "HEAD"], cwd=project, capture_output=True, text=True, check=True
        )
        checkout.git_state.cache_clear()
        assert checkout.git_state() == {"commit": head.stdout.strip(), "dirty": "false"}
        recipe = project / "assets" / "recipes" / "unfiltered.yaml"
        new, stray = recipe.with_name("new.yaml"), project / "run.log"
        for path, text, dirty in (
            (stray, "a log that lies about", "false"),
            (new, "a declaration that is not tracked", "true"),
            (recipe, recipe.read_text() + "# a change of a tracked one", "true"),
        ):
            before = path.read_text() if path.exists() else None
            path.write_text(text)
            checkout.git_state.cache_clear()
            assert checkout.git_state()["dirty"] == dirty, path
            path.unlink() if before is None else path.write_text(before)
    finally:
        checkout.git_state.cache_clear()


def test_the_version_of_this_package_is_on_record() -> None:
    assert provenance.environment()["alignment-dagster"] != "not installed"
