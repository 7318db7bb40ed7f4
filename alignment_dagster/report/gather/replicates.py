"""The replicates behind a report: their tables, with exactly the artifacts they came from."""

import pyarrow as pa
import pyarrow.parquet as pq

from alignment_dagster import chain
from alignment_dagster.evaluation.suites.loader import content_digest
from alignment_dagster.foundation.errors import ArtifactError
from alignment_dagster.lineage import file_names
from alignment_dagster.lineage.lake import Artifact
from alignment_dagster.lineage.partition_keys import partition_label, recipe_of, seed_of
from alignment_dagster.report.cells import Replicate
from alignment_dagster.report.gather.artifacts import Parents
from alignment_dagster.study import Study

CHECKPOINTS = (chain.PRETRAINED_CHECKPOINT, chain.POST_TRAINED_CHECKPOINT)
MEASUREMENTS = (chain.EVALUATION, chain.TAMPERING, chain.ATTACKS)


def read_replicates(parents: Parents) -> list[Replicate]:
    """One for each evaluation, with the tampering and the attacks of the same partition."""
    return [_read_replicate(evaluation, parents) for evaluation in parents.all(chain.EVALUATION)]


def tampering_tokens(parents: Parents) -> dict[tuple[str, int], dict[str, int]]:
    """Tampering and step → partition → tokens trained on until then.

    They differ from seed to seed: conversations are read in another order.
    """
    tokens: dict[tuple[str, int], dict[str, int]] = {}
    for artifact in parents.all(chain.TAMPERING):
        columns = ["tampering", "step", "tokens"]
        for row in pq.read_table(artifact.path / file_names.CURVE, columns=columns).to_pylist():
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
            recipe = recipe_of(artifact.partition)
            recorded.setdefault(recipe, []).append(frozenset(artifact.provenance.claims))
    return recorded


def artifact_name(artifact: Artifact) -> str:
    """`asset[partition]`."""
    return partition_label(artifact.asset, artifact.partition)


def _read_replicate(evaluation: Artifact, parents: Parents) -> Replicate:
    recipe, seed = recipe_of(evaluation.partition), seed_of(evaluation.partition)
    found = {
        asset: artifact
        for asset in MEASUREMENTS
        for artifact in parents.all(asset, evaluation.partition)
    }
    items = [pq.read_table(evaluation.path / file_names.ITEMS)]
    losses = [pq.read_table(evaluation.path / file_names.LOSSES)]
    if tampering := found.get("tampering"):
        items.append(pq.read_table(tampering.path / file_names.ITEMS))
        losses.append(pq.read_table(tampering.path / file_names.LOSSES))
    attacks = found.get("attacks")
    return Replicate(
        recipe,
        int(seed),
        pa.concat_tables(items),
        pa.concat_tables(losses),
        {asset: _versions_behind(artifact) for asset, artifact in found.items()},
        None if attacks is None else pq.read_table(attacks.path / file_names.ATTACKS),
    )


def _versions_behind(measurement: Artifact) -> dict[str, str]:
    """A measurement and the checkpoints that it was made from."""
    versions = {artifact_name(measurement): measurement.version}
    for parent in measurement.provenance.inputs.parents:
        if parent.asset in CHECKPOINTS:
            versions[partition_label(parent.asset, parent.partition)] = parent.version
    return versions
