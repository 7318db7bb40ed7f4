"""The replicates behind a report: their tables, with exactly the artifacts they came from."""

import pyarrow as pa
import pyarrow.parquet as pq

from alignment_dagster.evaluation.cells import Evaluated
from alignment_dagster.evaluation.gathering.artifacts import Parents
from alignment_dagster.lineage.lake import Artifact, label

CHECKPOINTS = ("pretrained_checkpoint", "post_trained_checkpoint")
MEASUREMENTS = ("evaluation", "tampering", "attacks")


def replicates(parents: Parents) -> list[Evaluated]:
    """One for each evaluation, with the tampering and the attacks of the same partition."""
    return [_replicate(evaluation, parents) for evaluation in parents.all("evaluation")]


def tampering_tokens(parents: Parents) -> dict[tuple[str, int], int]:
    """Tampering and step → tokens trained on until then (the same in every replicate)."""
    tokens: dict[tuple[str, int], int] = {}
    for artifact in parents.all("tampering"):
        table = pq.read_table(
            artifact.path / "curve.parquet", columns=["tampering", "step", "tokens"]
        )
        tokens |= {(row["tampering"], row["step"]): row["tokens"] for row in table.to_pylist()}
    return tokens


def recorded_claims(parents: Parents) -> dict[str, list[frozenset[str]]]:
    """Recipe → for each of its checkpoints the digests of the claims recorded with it."""
    recorded: dict[str, list[frozenset[str]]] = {}
    for asset in CHECKPOINTS:
        for artifact in parents.all(asset):
            recipe = (artifact.partition or "").split("|")[0]
            recorded.setdefault(recipe, []).append(frozenset(artifact.provenance.claims))
    return recorded


def name(artifact: Artifact) -> str:
    """`asset[partition]`."""
    return label(artifact.asset, artifact.partition, "")[:-1]


def _replicate(evaluation: Artifact, parents: Parents) -> Evaluated:
    recipe, seed = (evaluation.partition or "").split("|")
    found = {
        asset: artifact
        for asset in MEASUREMENTS
        for artifact in parents.all(asset, evaluation.partition)
    }
    items = [pq.read_table(evaluation.path / "items.parquet")]
    losses = [pq.read_table(evaluation.path / "losses.parquet")]
    if tampering := found.get("tampering"):
        items.append(pq.read_table(tampering.path / "items.parquet"))
        losses.append(pq.read_table(tampering.path / "losses.parquet"))
    attacks = found.get("attacks")
    return Evaluated(
        recipe,
        int(seed),
        pa.concat_tables(items),
        pa.concat_tables(losses),
        {asset: _behind(artifact) for asset, artifact in found.items()},
        None if attacks is None else pq.read_table(attacks.path / "attacks.parquet"),
    )


def _behind(measurement: Artifact) -> dict[str, str]:
    """A measurement and the checkpoints that it was made from."""
    behind = {name(measurement): measurement.version}
    for parent in measurement.provenance.inputs.parents:
        if parent.asset in CHECKPOINTS:
            behind[label(parent.asset, parent.partition, "")[:-1]] = parent.version
    return behind
