"""An artifact of two small files, published into a lake."""

from alignment_dagster.lineage.lake import Artifact, Lake
from alignment_dagster.lineage.manifest import Manifest
from alignment_dagster.lineage.provenance import Inputs, Parent, Provenance


def inputs(
    declaration: str = "d",
    parents: tuple[Parent, ...] = (),
    asset: str = "curated_mix",
    code_version: str = "1",
) -> Inputs:
    return Inputs(
        study="study",
        asset=asset,
        partition="filtered|0",
        declaration=declaration,
        code_version=code_version,
        parents=parents,
    )


def publish(lake: Lake, given: Inputs, content: bytes = b"bytes") -> Artifact:
    with lake.staging() as folder:
        (folder / "model").mkdir()
        (folder / "model" / "weights").write_bytes(content)
        (folder / "rows").write_bytes(b"rows")
        provenance = Provenance(
            inputs=given,
            input_digest=given.digest,
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
