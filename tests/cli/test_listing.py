"""`alignment list`: what is declared, and what there is to declare with, a line each."""

import json
from pathlib import Path
from typing import get_args

import pytest
from typer.testing import CliRunner

from alignment_dagster.cli.catalogue import LISTS
from alignment_dagster.cli.listing import Listed
from alignment_dagster.cli.main import app
from alignment_dagster.corpus.readers import TEXT_READERS
from alignment_dagster.evaluation.suites.formats import FORMS
from alignment_dagster.evaluation.suites.readers import READERS
from alignment_dagster.scoring import SCORERS
from alignment_dagster.study import ATTACK_METHODS, ITEM_READERS, AttackMethod, ItemReaderKind
from tests.support.checkout import CHECKOUT
from tests.support.tiny_study import TinyStudy


def listed(kind: str) -> list[dict[str, str]]:
    done = CliRunner().invoke(app, ["list", kind, "--json"])
    assert done.exit_code == 0, done.output
    entries: list[dict[str, str]] = json.loads(done.stdout)[kind]
    return entries


@pytest.mark.parametrize("kind", Listed)
def test_whatever_is_listed_has_one_line_of_description(
    kind: Listed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALIGNMENT_ASSETS", str(CHECKOUT / "assets"))
    entries = listed(kind)
    assert entries
    for entry in entries:
        assert next(iter(entry)) == "name"
        assert entry["description"].strip()
        assert "\n" not in entry["description"]


@pytest.mark.parametrize("folder", ["studies", "sources", "recipes", "suites"])
def test_every_file_is_listed(folder: str, tiny: TinyStudy) -> None:
    there = sorted(path.stem for path in (tiny.assets / folder).glob("*.yaml"))
    assert [entry["name"] for entry in listed(folder)] == there


def test_a_study_says_what_has_to_be_there_before_it_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALIGNMENT_ASSETS", str(CHECKOUT / "assets"))
    needs = {entry["name"]: entry["needs"] for entry in listed("studies")}
    assert needs["web"] == needs["books"] == "ALIGNMENT_DATA"
    assert needs["quickstart"] == ""


def test_a_file_with_a_mistake_is_listed_with_it(tiny: TinyStudy) -> None:
    path: Path = tiny.assets / "recipes" / "aligned.yaml"
    path.write_text(path.read_text().replace("remainder", "remainders"))
    found = {entry["name"]: entry for entry in listed("recipes")}
    assert "did you mean 'remainder'?" in found["aligned"]["description"]
    assert "remainder" in found["filtered"]
    shown = CliRunner().invoke(app, ["list", "recipes"])
    assert shown.exit_code == 0
    assert "cannot be used" in shown.stdout


def test_what_can_be_declared_is_listed_whole() -> None:
    names = {kind: [entry["name"] for entry in LISTS[kind]()] for kind in LISTS}
    assert names["scorers"] == list(SCORERS)
    assert names["formats"] == list(FORMS)
    assert tuple(names["attacks"]) == tuple(ATTACK_METHODS) == get_args(AttackMethod)
    assert tuple(ITEM_READERS) == tuple(READERS) == get_args(ItemReaderKind)
    kinds = {get_args(model.model_fields["kind"].annotation)[0] for model in TEXT_READERS}
    assert kinds < set(names["readers"])
    assert set(ITEM_READERS) < set(names["readers"])
