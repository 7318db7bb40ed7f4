"""`docs/architecture.md` says what is so: its picture, its tree, and every file that it names."""

import re
import runpy
import tomllib

from tests.support.checkout import CHECKOUT

PACKAGE = CHECKOUT / "alignment_dagster"
PAGE = (CHECKOUT / "docs" / "architecture.md").read_text(encoding="utf-8")


def test_the_picture_is_what_the_command_draws_today() -> None:
    tool = runpy.run_path(str(CHECKOUT / "tools" / "architecture.py"))
    written = tool["PICTURE"].read_text(encoding="utf-8")
    assert written == tool["picture"](), "python tools/architecture.py writes it anew"


def test_the_tree_names_every_layer_in_its_order() -> None:
    declared = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))
    contract = declared["tool"]["importlinter"]["contracts"][0]["layers"]
    layers = [re.split(r" [|:] ", layer.replace("alignment_dagster.", "")) for layer in contract]
    named = re.findall(r"^\| `(\w+)(?:\.py|/)`", PAGE, re.MULTILINE)
    for layer in layers:
        beside, named = named[: len(layer)], named[len(layer) :]
        assert sorted(beside) == sorted(layer)
    assert not named


def test_every_package_is_in_the_tree() -> None:
    there = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert there == set(re.findall(r"^\| `(\w+)/`", PAGE, re.MULTILINE))


def test_every_file_that_is_named_is_there() -> None:
    named = set(re.findall(r"`([\w/]+\.(?:py|yaml|sql|toml|md))`", PAGE))
    named = {name for name in named if "NAME" not in name}
    assert len(named) > 30
    missing = [
        one for one in named if not ((PACKAGE / one).is_file() or (CHECKOUT / one).is_file())
    ]
    assert not missing


def test_a_recipe_flows_in_twelve_lines() -> None:
    assert re.findall(r"^(\d+)\. ", PAGE, re.MULTILINE) == [str(one) for one in range(1, 13)]
