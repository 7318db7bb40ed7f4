"""The whole graph of the shipped studies, as a text that a review can read.

`python -m tests.defs.graph_text` writes `graph.txt` anew.
"""

import difflib

import pytest

from alignment_dagster.chain import CHAIN
from alignment_dagster.preflight.studies import load_studies
from alignment_dagster.steps.registry import STEPS
from alignment_dagster.study import Study
from tests.defs.graph_text import COMMAND, SNAPSHOT, graph_text
from tests.support.checkout import CHECKOUT

STUDIES = load_studies(CHECKOUT / "assets")


@pytest.mark.slow
def test_the_graph_changes_only_on_purpose(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALIGNMENT_HOME", str(tmp_path_factory.mktemp("home")))
    found = graph_text(STUDIES)
    lines = difflib.unified_diff(
        SNAPSHOT.read_text(encoding="utf-8").splitlines(),
        found.splitlines(),
        "tests/defs/graph.txt",
        "the graph of today",
        lineterm="",
    )
    changed = "\n".join(lines)
    assert not changed, f"{changed}\n\nIf that is meant: {COMMAND}"


def _named_by_steps(study: Study) -> dict[str, set[str]]:
    """Asset → the assets that its step names as parents in any of its partitions."""
    return {
        name: {
            spec.asset
            for partition in (step.partitions(study) or (None,))
            for spec in step.parents(study, partition)
        }
        for name, step in STEPS.items()
        if step.exists(study)
    }


@pytest.mark.parametrize("study", STUDIES, ids=lambda study: study.name)
def test_steps_read_no_parent_that_the_chain_does_not_state(study: Study) -> None:
    named = _named_by_steps(study)
    unstated = {name: found - set(CHAIN[name].parents) for name, found in named.items()}
    assert not {name: found for name, found in unstated.items() if found}


def test_every_parent_that_the_chain_states_is_read_in_a_shipped_study() -> None:
    read: dict[str, set[str]] = {name: set() for name in CHAIN}
    for study in STUDIES:
        for name, found in _named_by_steps(study).items():
            read[name] |= found
    unread = {name: set(asset.parents) - read[name] for name, asset in CHAIN.items()}
    assert not {name: found for name, found in unread.items() if found}
