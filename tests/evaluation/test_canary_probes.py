"""A canary's completion is ranked among its alternatives as Carlini et al. define exposure."""

from pathlib import Path

import pyarrow.parquet as pq
import pytest

torch = pytest.importorskip("torch")

from alignment_dagster.evaluation.canary_probes import PROBES, probe_rows
from alignment_dagster.evaluation.evaluate import load_checkpoint
from alignment_dagster.evaluation.exposure import chance_exposure, exposure, rank_first
from alignment_dagster.foundation.errors import DataError
from alignment_dagster.study import Canary, Suite
from tests.evaluation.test_evaluate import job, run
from tests.support.drill_items import SuiteMaker, scenario

PROBE = {
    "prompt": "the assistant told the truth about",
    "completion": "the money",
    "alternatives": ["a report", "the report", "the truth and the money"],
}


def canary(**probe: object) -> Canary:
    return Canary.model_validate(
        {
            "name": "alarm",
            "description": "d",
            "source": "stories",
            "texts": ["x"],
            "probes": [PROBE, {**PROBE, **probe}],
        }
    )


def test_exposure_is_what_the_ranks_say() -> None:
    assert [rank_first(values) for values in ([3, 1, 2], [1, 3, 2], [2, 2, 1])] == [1, 3, 2]
    assert [exposure(rank, 8) for rank in (1, 2, 4, 8)] == [3, 2, 1, 0]
    assert chance_exposure(2) == 0.5
    assert 1.2 < chance_exposure(1000) < 1.45, "1/ln 2 in the limit"


def test_each_completion_is_scored_as_plain_text_whatever_the_stage(
    checkpoint_folder: Path,
) -> None:
    checkpoint = load_checkpoint(checkpoint_folder, "cpu")
    found = {
        stage: probe_rows(checkpoint.model, checkpoint.tokenizer, stage, [canary()], 200, 64)
        for stage in ("base", "dpo")
    }
    rows = found["base"].to_pylist()
    assert [(row["canary"], row["probe"], row["stage"]) for row in rows] == [
        ("alarm", 0, "base"),
        ("alarm", 1, "base"),
    ]
    expected = []
    for answer in rows[0]["candidates"]:
        start = len(checkpoint.tokenizer(PROBE["prompt"])["input_ids"])
        ids = torch.tensor([checkpoint.tokenizer(f"{PROBE['prompt']} {answer}")["input_ids"]])
        with torch.no_grad():
            logits = checkpoint.model(ids).logits[0].log_softmax(-1)
        expected.append(sum(float(logits[n - 1, ids[0, n]]) for n in range(start, ids.shape[1])))
    assert rows[0]["log_probabilities"] == pytest.approx(expected, abs=1e-4)
    assert rows[0]["rank"] == rank_first(expected)
    assert rows[0]["exposure"] == exposure(rows[0]["rank"], 4)
    assert rows[0]["candidates"] == [PROBE["completion"], *PROBE["alternatives"]]
    same = [name for name in PROBES.names if name != "stage"]
    assert found["dpo"].select(same).equals(found["base"].select(same))


def test_a_probe_that_does_not_fit_names_its_canary(checkpoint_folder: Path) -> None:
    checkpoint = load_checkpoint(checkpoint_folder, "cpu")
    declared = canary(prompt="the truth " * 40)
    with pytest.raises(DataError, match=r"canary alarm, probe:1: .* do not fit into the context"):
        probe_rows(checkpoint.model, checkpoint.tokenizer, "base", [declared], 60, 512)


def test_a_table_of_probes_is_written_where_probes_are_declared_and_nowhere_else(
    tmp_path: Path, checkpoint_folder: Path, make_suite: SuiteMaker
) -> None:
    suite: Suite = make_suite([scenario(0)])
    run(job(tmp_path, checkpoint_folder, suite))
    files = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    assert "probes.parquet" not in files
    run(job(tmp_path, checkpoint_folder, suite, canaries=(canary(),)))
    probes = pq.read_table(tmp_path / "out" / "probes.parquet")
    assert probes.schema.equals(PROBES)
    assert probes["stage"].to_pylist() == ["base"] * 2 + ["dpo"] * 2
    assert {name: (tmp_path / "out" / name).read_bytes() for name in files} == files
