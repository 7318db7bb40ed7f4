"""What a run in MLflow says of its artifact: tags, parameters, digests. Imports no MLflow."""

import base64
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from alignment_dagster.chain import OF_RECIPES
from alignment_dagster.foundation import page_links
from alignment_dagster.lineage.lake import Artifact
from alignment_dagster.lineage.partition_keys import Partition, find_seed, recipe_of

DIGEST_LENGTH = 36
STUDY = "alignment.study"
ASSET = "alignment.asset"
PARTITION = "alignment.partition"
VERSION = "alignment.version"
OUTPUT_DIGEST = "alignment.digest"
RECORD = "alignment.record"
RECIPE = "recipe"
SEED = "seed"
"""To filter and group by, in MLflow's own pages."""
DAGSTER_RUN = "dagster.run_id"
NOTE = "mlflow.note.content"
"""What MLflow's page shows as the run's description."""
PROSE = {"description", "limits", "statement", "licence"}
LONGEST_VALUE = 500
"""Characters of a parameter; MLflow takes some thousands, and shows them all in a table's cell."""


def short_digest(digest: str) -> str:
    """A SHA-256 in base64url, cut to the 36 characters MLflow takes; the whole is in a tag."""
    return base64.urlsafe_b64encode(bytes.fromhex(digest)).decode()[:DIGEST_LENGTH]


def place_tags(study: str, asset: str, partition: Partition) -> dict[str, str]:
    """What a run makes, as far as it is known before it is made."""
    found = {STUDY: study, ASSET: asset}
    if partition:
        found[PARTITION] = partition
        if asset in OF_RECIPES:
            found[RECIPE] = recipe_of(partition)
        if (seed := find_seed(partition)) is not None:
            found[SEED] = str(seed)
    return found


def params(declared: Mapping[str, Any]) -> dict[str, str]:
    """The parameters of a run: what is declared, but `None`, what is said only to people, and what
    is longer than `LONGEST_VALUE`; the provenance has all.
    """
    return {
        name: value
        for name, value in flat(declared).items()
        if value != str(None) and len(value) <= LONGEST_VALUE and not PROSE & set(name.split("."))
    }


def flat(declared: Mapping[str, Any]) -> dict[str, str]:
    """Every declared value by its place: `pretraining.batch_size` → `8`.

    Entries of a list go by their names, where they have one.
    """
    return {name: str(value) for name, value in _flat("", declared)}


def _flat(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Sequence) and not isinstance(value, str):
        if not any(isinstance(one, Mapping) for one in value):
            yield name, ", ".join(map(str, value))
            return
        value = {one.get("name", place): one for place, one in enumerate(value)}
    if isinstance(value, Mapping):
        for key, one in value.items():
            yield from _flat(f"{name}.{key}" if name else str(key), one)
    else:
        yield name, value


def tags(artifact: Artifact) -> dict[str, str]:
    """What ties a run to its artifact, and the links to the pages that show it."""
    provenance = artifact.provenance
    study = provenance.inputs.study
    asset = page_links.dagster_asset(study, artifact.asset, artifact.partition)
    page = page_links.audit_page(study, artifact.asset, artifact.partition, artifact.version)
    run = page_links.dagster_run(provenance.dagster_run_id or "")
    note = f"`{artifact.label}`: [audit]({page}) · [asset in Dagster]({asset}) · [run]({run})"
    return {
        VERSION: artifact.version,
        OUTPUT_DIGEST: artifact.digest,
        RECORD: artifact.record,
        NOTE: note,
    }
