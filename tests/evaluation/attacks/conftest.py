"""Suites, a model and jobs for attacks."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from alignment_dagster.evaluation.suites.loader import content_digest, load_suite
from alignment_dagster.study import Suite
from tests.support.attack_drill import CONTEXT, Drill, attacks
from tests.support.drill_items import SuiteMaker, scenario


@pytest.fixture
def drill(make_suite: SuiteMaker, tmp_path: Path) -> Drill:
    rows: list[Any] = [
        scenario(number, scenario=f"The {place} {number}.", question=ask, scenario_id=f"s{number}")
        for number, place in enumerate(("truth", "money", "report", "room") * 2)
        for ask in ("What did it do?", "And then?")
    ]
    suite = make_suite(rows)
    return Drill(suite, load_suite(suite, tmp_path), tmp_path)


@pytest.fixture
def loaded(checkpoint_folder: Path) -> Any:
    torch = pytest.importorskip("torch")
    from alignment_dagster.evaluation.evaluate import load_checkpoint

    torch.set_num_threads(1)
    return load_checkpoint(checkpoint_folder, "cpu")


@pytest.fixture
def make_job(checkpoint_folder: Path, tmp_path: Path) -> Callable[..., Any]:
    """A job for suites; everything else has a default."""
    from alignment_dagster.evaluation.attacks.job import AttackJob, read_suites

    def make(*suites: Suite, **changes: Any) -> AttackJob:
        fields: dict[str, Any] = {
            "checkpoints": {"base": str(checkpoint_folder), "dpo": str(checkpoint_folder)},
            "suites": suites,
            "demonstrations": None,
            "assets": str(tmp_path),
            "attacks": attacks(),
            "batch_tokens": 1000,
            "sequence_length": CONTEXT,
            "output": str(tmp_path / "out"),
            "work": str(tmp_path / "work"),
            **changes,
        }
        read = read_suites(suites, fields["demonstrations"])
        digests = {suite.name: content_digest(suite, tmp_path) for suite in read}
        return AttackJob(**{"digests": digests, **fields})

    return make
