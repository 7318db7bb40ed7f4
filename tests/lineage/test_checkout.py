"""A record says that the code is the commit's only where every byte of it is."""

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from alignment_dagster.lineage import checkout

AUTHOR = ("-c", "user.name=n", "-c", "user.email=n@example.org")


def git(folder: Path, *arguments: str) -> str:
    command = ["git", *AUTHOR, *arguments]
    done = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A checkout with a package, a dbt project and declarations."""
    root = tmp_path / "checkout"
    for name in ("package/mix.py", "dbt_project/model.sql", "assets/study.yaml", "README.md"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(f"{name} as it was\n")
    (root / "package" / "shortcut").symlink_to("mix.py")
    (root / ".gitignore").write_text("*.log\n__pycache__/\n")
    git(root, "init", "-q")
    git(root, "add", ".")
    git(root, "commit", "-qm", "first")
    monkeypatch.setattr(checkout, "PACKAGE", root / "package")
    monkeypatch.setattr(checkout, "shipped", root.joinpath)
    monkeypatch.setenv("ALIGNMENT_ASSETS", str(root / "assets"))
    checkout.git_state.cache_clear()
    yield root
    checkout.git_state.cache_clear()


def change(root: Path, name: str = "package/mix.py") -> None:
    (root / name).write_text("something else\n")


def test_what_is_as_committed_is_said_to_be_so(repository: Path) -> None:
    (repository / "package" / "__pycache__").mkdir()
    (repository / "package" / "__pycache__" / "mix.pyc").write_bytes(b"compiled")
    (repository / "run.log").write_text("a log that lies about")
    head = git(repository, "rev-parse", "HEAD")
    assert checkout.git_state() == {"commit": head, "dirty": "false"}


def _flag(flag: str) -> Callable[[Path], object]:
    def hide(root: Path) -> None:
        git(root, "update-index", flag, "package/mix.py")
        change(root)

    return hide


def _hide_by_a_filter(root: Path) -> None:
    git(root, "config", "filter.hide.clean", "git show HEAD:%f")
    (root / ".git" / "info" / "attributes").write_text("*.py filter=hide\n")
    change(root)


def _hide_by_another_working_tree(root: Path) -> None:
    git(root.parent, "clone", "-q", str(root), "clean")
    git(root, "config", "core.worktree", str(root.parent / "clean"))
    change(root)


def _hide_by_a_replaced_tree(root: Path) -> None:
    change(root)
    was = git(root, "rev-parse", "HEAD")
    git(root, "commit", "-qam", "second")
    now = git(root, "rev-parse", "HEAD")
    git(root, "reset", "-q", "--soft", was)
    git(root, "replace", was, now)


def _hide_a_new_module(root: Path) -> None:
    (root / ".git" / "info" / "exclude").write_text("package/new.py\n")
    change(root, "package/new.py")


def _hide_by_ignoring_itself(root: Path) -> None:
    (root / "assets" / ".gitignore").write_text("*\n")
    change(root, "assets/new.yaml")


@pytest.mark.parametrize(
    "hide",
    [
        pytest.param(_flag("--assume-unchanged"), id="assume-unchanged"),
        pytest.param(_flag("--skip-worktree"), id="skip-worktree"),
        pytest.param(_hide_by_a_filter, id="clean filter"),
        pytest.param(_hide_by_another_working_tree, id="core.worktree"),
        pytest.param(_hide_by_a_replaced_tree, id="git replace"),
        pytest.param(_hide_a_new_module, id="info/exclude"),
        pytest.param(_hide_by_ignoring_itself, id="ignored declaration"),
        pytest.param(lambda root: change(root, "dbt_project/model.sql"), id="plain change"),
        pytest.param(lambda root: change(root, "README.md"), id="another tracked file"),
        pytest.param(lambda root: (root / "package/mix.py").unlink(), id="removed"),
        pytest.param(lambda root: (root / "package/shortcut").unlink(), id="link removed"),
    ],
)
def test_changed_code_is_not_hidden_by_what_git_remembers(
    repository: Path, hide: Callable[[Path], object]
) -> None:
    head = git(repository, "rev-parse", "HEAD")
    hide(repository)
    assert checkout.git_state() == {"commit": head, "dirty": "true"}


@pytest.mark.parametrize("variable", ["GIT_DIR", "GIT_INDEX_FILE", "GIT_WORK_TREE", "GIT_CONFIG"])
def test_variables_of_git_lead_to_no_other_repository(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    head = git(repository, "rev-parse", "HEAD")
    other = tmp_path / "other"
    git(tmp_path, "clone", "-q", str(repository), "other")
    change(other, "README.md")
    git(other, "commit", "-qam", "another commit")
    change(repository)
    if variable == "GIT_CONFIG":
        monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
        monkeypatch.setenv("GIT_CONFIG_KEY_0", "core.worktree")
        monkeypatch.setenv("GIT_CONFIG_VALUE_0", str(other))
    else:
        places = {"GIT_DIR": ".git", "GIT_INDEX_FILE": ".git/index", "GIT_WORK_TREE": ""}
        monkeypatch.setenv(variable, str(other / places[variable]))
    assert checkout.git_state() == {"commit": head, "dirty": "true"}


def test_a_package_in_an_environment_within_the_project_is_not_its_code(repository: Path) -> None:
    installed = repository / "environment" / "package"
    installed.mkdir(parents=True)
    change(repository, "environment/package/mix.py")
    (repository / ".git" / "info" / "exclude").write_text("environment\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checkout, "PACKAGE", installed)
        patch.setattr(checkout, "shipped", installed.joinpath)
        assert checkout.git_state()["dirty"] == "false"


def test_without_git_nothing_is_claimed(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(repository))
    assert checkout.git_state() == {"commit": "unknown", "dirty": "unknown"}


def test_the_content_of_a_commit_is_read_as_it_was(repository: Path) -> None:
    here = checkout.Checkout.around(repository / "package")
    assert here is not None
    head = git(repository, "rev-parse", "HEAD")
    change(repository)
    blobs = here.blobs(head, repository / "package")
    assert blobs is not None
    read = here.read(blobs)
    assert read is not None
    assert read[repository / "package/mix.py"] == b"package/mix.py as it was\n"
    assert read[repository / "package/shortcut"] == b"mix.py"
    lacking = {repository / "package/mix.py": checkout.Blob("100644", "f" * 40)}
    assert here.read(lacking) is None
    assert here.blobs("0" * 40, repository / "package") is None
    assert here.blobs("--output=x", repository / "package") is None
