"""A number resolves to its data: also where that was made again with the same bytes."""

from pathlib import Path

import pyarrow as pa
import pytest

from alignment_dagster.graph.parent_spec import Parents, ParentSpec
from alignment_dagster.lineage.lake import Artifact, Lake
from alignment_dagster.lineage.manifest import Manifest
from alignment_dagster.lineage.provenance import Inputs, Parent, Provenance
from alignment_dagster.report.gather.mart_check import find_mismatches
from alignment_dagster.report.results import ResultRow

AT = "plain|0"


def publish(
    lake: Lake, asset: str, content: bytes, code: str, parents: tuple[Parent, ...] = ()
) -> Artifact:
    inputs = Inputs(
        study="study",
        asset=asset,
        partition=AT,
        declaration="d",
        code_version=code,
        parents=parents,
    )
    with lake.staging() as folder:
        (folder / "file").write_bytes(content)
        provenance = Provenance(
            inputs=inputs,
            input_digest=inputs.digest,
            output_digest=Manifest.of(folder).digest,
            code_digest="0" * 64,
            declared={},
            environment={},
            git={},
            dagster_run_id=None,
            mlflow_run_id=None,
            started="2026-01-01T00:00:00+00:00",
            seconds=0.0,
            measured={},
            models={},
            checks=(),
        )
        return lake.publish(folder, provenance)


def row(checkpoint: Artifact, evaluation: Artifact) -> ResultRow:
    artifacts = {
        f"pretrained_checkpoint[{AT}]": checkpoint.version,
        f"evaluation[{AT}]": evaluation.version,
    }
    return ResultRow(
        "plain", 0, "base", "articles", "none", "misalignment_rate", 0.5, 0.4, 0.6, 8, 1, artifacts
    )


MART = pa.Table.from_pylist(
    [
        {
            "recipe": "plain",
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
    first = publish(lake, "pretrained_checkpoint", b"weights", "old")
    evaluation = publish(lake, "evaluation", b"items", "e", (first.as_parent(),))
    second = publish(lake, "pretrained_checkpoint", again, "new")
    assert second.version != first.version
    parents = Parents(
        (
            (ParentSpec("pretrained_checkpoint", AT), second),
            (ParentSpec("evaluation", AT), evaluation),
        )
    )
    assert (find_mismatches([row(first, evaluation)], MART, parents) == []) is holds
