"""A scorer whose version is raised is asked again, and no other one is."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import dagster as dg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from alignment_dagster.defs.assets import asset
from alignment_dagster.defs.resources import resources
from alignment_dagster.foundation.home import Home
from alignment_dagster.graph.current import current_version
from alignment_dagster.graph.staleness import VerifiedStaleness
from alignment_dagster.lineage import provenance
from alignment_dagster.lineage.lake import Artifact, Lake
from alignment_dagster.scoring import SCORERS
from alignment_dagster.steps import earlier_scores, raw_corpus, scored_corpus
from tests.support.tiny_study import NAME, TinyStudy

pytestmark = pytest.mark.slow
SOURCE = "stories"
OWN = """
import numpy as np

def marks(texts):
    return {"marks": np.array([text.count("!") for text in texts], dtype=np.int64)}
"""
STEPS = (raw_corpus.STEP, scored_corpus.STEP)


def refresh(instance: dg.DagsterInstance, study: TinyStudy) -> tuple[list[str], Artifact]:
    """What had to run, and the scores that are current then."""
    loaded, lake = study.load(), Lake(Home.from_environment().lake)
    stale = VerifiedStaleness(instance, lake, loaded).stale(STEPS, SOURCE)
    dg.materialize(
        [asset(step, loaded) for step in STEPS],
        selection=[dg.AssetKey([NAME, step.asset]) for step in stale],
        resources=resources(),
        partition_key=SOURCE,
        instance=instance,
    )
    version = current_version(instance, lake, NAME, "scored_corpus", SOURCE)
    assert version is not None
    return [step.asset for step in stale], lake.open(NAME, "scored_corpus", SOURCE, version)


def asked(scores: Artifact) -> Mapping[str, float | str]:
    """Scorer → of how many documents it was asked."""
    found = scores.provenance.measured
    return {name.removeprefix("documents_scored/"): count for name, count in found.items()}


def test_a_raised_scorer_alone_is_asked_again(
    tiny: TinyStudy, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tiny.assets / "scorers").mkdir()
    (tiny.assets / "scorers" / "shouting.py").write_text(OWN)
    rule = {"rule": "loud", "scorer": "shouting:marks", "column": "marks", "above": 3}
    tiny.change(scorers=[*SCORERS, "shouting:marks"], drop=[rule])
    with dg.DagsterInstance.ephemeral(str(tmp_path)) as instance:
        _, first = refresh(instance, tiny)
        every = asked(first)["fingerprint"]
        assert every == 150
        own = pq.read_table(first.path / "shouting.marks" / "00000.parquet")
        assert own.num_rows == every
        assert own["marks"].type == pa.int64()
        monkeypatch.setitem(
            SCORERS, "fingerprint", replace(SCORERS["fingerprint"], version="raised")
        )
        # the same upgrade has another version of the package, which is no reason by itself
        upgraded = {**provenance.environment(), "alignment-dagster": "99"}
        monkeypatch.setattr(earlier_scores, "environment", lambda: upgraded)
        ran, second = refresh(instance, tiny)
        assert ran == ["scored_corpus"]
        assert asked(second) == {**dict.fromkeys(asked(first), 0), "fingerprint": every}
        # other packages than those that it was scored with are a reason
        monkeypatch.setattr(earlier_scores, "environment", lambda: {**upgraded, "pyarrow": "1"})
        monkeypatch.setitem(SCORERS, "fingerprint", replace(SCORERS["fingerprint"], version="3"))
        _, third = refresh(instance, tiny)
        assert set(asked(third).values()) == {every}
