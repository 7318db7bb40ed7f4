"""A number resolves to its data: also where that was made again with the same bytes."""

from pathlib import Path

import pyarrow as pa
import pytest

from alignment_dagster.graph.parent_spec import Parents, ParentSpec
from alignment_dagster.lineage.lake import Artifact, Lake
from alignment_dagster.report.gather.mart_check import find_mismatches
from alignment_dagster.report.results import ResultRow
from tests.support.small_artifacts import inputs, publish

AT = "filtered|0"


def row(checkpoint: Artifact, evaluation: Artifact) -> ResultRow:
    artifacts = {
        f"pretrained_checkpoint[{AT}]": checkpoint.version,
        f"evaluation[{AT}]": evaluation.version,
    }
    return ResultRow(
        "filtered",
        0,
        "base",
        "articles",
        "none",
        "misalignment_rate",
        0.5,
        0.4,
        0.6,
        8,
        1,
        artifacts,
    )


MART = pa.Table.from_pylist(
    [
        {
            "recipe": "filtered",
            "seed": 0,
            "stage": "base",
            "suite": "articles",
            "system_prompt": "none",
            "metric": "misalignment_rate",
            "value": 0.5,
        }
    ]
)


@pytest.mark.parametrize(("again", "holds"), [(b"weights", True), (b"other weights", False)])
def test_a_checkpoint_made_again_resolves_only_with_the_same_bytes(
    tmp_path: Path, again: bytes, holds: bool
) -> None:
    lake = Lake(tmp_path / "lake")
    checkpoint = "pretrained_checkpoint"
    first = publish(lake, inputs(asset=checkpoint, code_version="1"), b"weights")
    evaluation = publish(lake, inputs("d", (first.as_parent(),), "evaluation"), b"items")
    second = publish(lake, inputs(asset=checkpoint, code_version="2"), again)
    assert second.version != first.version
    parents = Parents(
        (
            (ParentSpec(checkpoint, AT), second),
            (ParentSpec("evaluation", AT), evaluation),
        )
    )
    assert (find_mismatches([row(first, evaluation)], MART, parents) == []) is holds
