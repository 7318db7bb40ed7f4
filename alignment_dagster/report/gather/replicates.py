"""The replicates behind a report: their tables, with exactly the artifacts they came from."""

import pyarrow as pa
import pyarrow.parquet as pq

from alignment_dagster.evaluation.suites.loader import content_digest
from alignment_dagster.foundation.errors import ArtifactError
from alignment_dagster.lineage.lake import Artifact, label
from alignment_dagster.report.cells import Replicate
from alignment_dagster.report.gather.artifacts import Parents
from alignment_dagster.study import Study

CHECKPOINTS = ("pretrained_checkpoint", "post_trained_checkpoint")
MEASUREMENTS = ("evaluation", "tampering", "attacks")


def read_replicates(parents: Parents) -> list[Replicate]:
    """One for each evaluation, with the tampering and the attacks of the same partition."""
    return [_read_replicate(evaluation, parents) for evaluation in parents.all("evaluation")]


def tampering_tokens(parents: Parents) -> dict[tuple[str, int], dict[str, int]]:
    """Tampering and step → partition → tokens trained on until then.

    They differ from seed to seed: conversations are read in another order.
    """
    tokens: dict[tuple[str, int], dict[str, int]] = {}
    for artifact in parents.all("tampering"):
        columns = ["tampering", "step", "tokens"]
        for row in pq.read_table(artifact.path / "curve.parquet", columns=columns).to_pylist():
            at = tokens.setdefault((row["tampering"], row["step"]), {})
            at[artifact.partition or ""] = row["tokens"]
    return tokens


def refuse_changed_suites(study: Study, parents: Parents) -> None:
    """Refuse measurements of items that are not those of today's files.

    Raises:
        ArtifactError: names the suite and the measurement.
    """
    today = {suite.name: content_digest(suite, study.assets) for suite in study.suites}
    for asset in MEASUREMENTS:
        for artifact in parents.all(asset):
            for suite, digest in artifact.provenance.inputs.external_inputs.items():
                if suite in today and digest != today[suite]:
                    raise ArtifactError(
                        f"suite {suite} changed since {artifact.label} was made; measure again "
                        f"(alignment run {study.name})"
                    )


def recorded_claims(parents: Parents) -> dict[str, list[frozenset[str]]]:
    """Recipe → for each of its checkpoints the digests of the claims recorded with it."""
    recorded: dict[str, list[frozenset[str]]] = {}
    for asset in CHECKPOINTS:
        for artifact in parents.all(asset):
            recipe = (artifact.partition or "").split("|")[0]
            recorded.setdefault(recipe, []).append(frozenset(artifact.provenance.claims))
    return recorded


def artifact_name(artifact: Artifact) -> str:
    """`asset[partition]`."""
    return label(artifact.asset, artifact.partition, "")[:-1]


def _read_replicate(evaluation: Artifact, parents: Parents) -> Replicate:
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
    return Replicate(
        recipe,
        int(seed),
        pa.concat_tables(items),
        pa.concat_tables(losses),
        {asset: _versions_behind(artifact) for asset, artifact in found.items()},
        None if attacks is None else pq.read_table(attacks.path / "attacks.parquet"),
    )


def _versions_behind(measurement: Artifact) -> dict[str, str]:
    """A measurement and the checkpoints that it was made from."""
    versions = {artifact_name(measurement): measurement.version}
    for parent in measurement.provenance.inputs.parents:
        if parent.asset in CHECKPOINTS:
            versions[label(parent.asset, parent.partition, "")[:-1]] = parent.version
    return versions
