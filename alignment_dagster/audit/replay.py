"""Re-execution: training steps are taken again, and compared with what the trainer recorded.

A ledger is written by the trainer: one that lies writes a ledger that fits its lie. Taking steps
again does not believe it. What stays open is the steps that nobody takes again.
"""

import math
import re
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq
from pydantic import ValidationError

from alignment_dagster import chain
from alignment_dagster.foundation.digests import sha256_json
from alignment_dagster.foundation.errors import ArtifactError
from alignment_dagster.lineage import file_names
from alignment_dagster.lineage.archive import Archive
from alignment_dagster.lineage.checkout import git_state
from alignment_dagster.lineage.code_digest import code_digest
from alignment_dagster.lineage.lake import Artifact
from alignment_dagster.lineage.provenance import BASE, PLACEMENT, environment
from alignment_dagster.training.jobs import PRETRAINING_CODE, PretrainJob
from alignment_dagster.training.step_log import SKIPPED

if TYPE_CHECKING:
    from alignment_dagster.training.pretraining.replay import Segment

LEDGER, LOG, WEIGHTS = file_names.CONSUMPTION, file_names.TRAINING_LOG, "model/model.safetensors"
QUANTITIES = {
    "sequences": LEDGER,
    "chain": LEDGER,
    "loss": LOG,
    "gradient_norm": LOG,
    SKIPPED: LOG,
}
"""What is compared at every step → the file that records it; `skipped` where a guard may skip."""


@dataclass(frozen=True)
class Departure:
    """What is recorded, and not what the replay gave."""

    file: str
    quantity: str
    step: int | None
    recorded: Any
    replayed: Any

    @property
    def deviation(self) -> float | None:
        """How far apart two numbers are."""
        if isinstance(self.recorded, float) and isinstance(self.replayed, float):
            return abs(self.recorded - self.replayed)
        return None


@dataclass(frozen=True)
class EnvironmentChange:
    """Something here that is not as it was when the artifact was made."""

    what: str
    recorded: str
    now: str


@dataclass(frozen=True)
class Replay:
    """The outcome: identical where nothing departs."""

    artifact: Artifact
    first: int
    last: int
    segment: "Segment"
    departures: tuple[Departure, ...]
    differences: tuple[EnvironmentChange, ...]

    @property
    def identical(self) -> bool:
        return not self.departures


def replay_steps(
    archive: Archive,
    artifact: Artifact,
    steps: str,
    report: Callable[[int, int], None] = lambda _done, _total: None,
) -> Replay:
    """Take the steps `a:b` of a checkpoint's training again, from the artifacts it names.

    Writes nothing but a temporary folder.

    Args:
        report: called after each step with the steps taken and the steps to take.

    Raises:
        ArtifactError: if it is no pretrained checkpoint, has no such steps, or it or what it was
            made from is missing or was altered.
    """
    from alignment_dagster.training.pretraining.replay import replay

    if artifact.asset not in chain.PRETRAINING_STAGES:
        raise ArtifactError(
            f"{artifact.label}: only a {chain.PRETRAINED_CHECKPOINT} can be replayed, and the "
            f"{chain.TRUNK_CHECKPOINT} that it goes on from"
        )
    checkpoint = _open_verified(archive, artifact)
    recorded = _read_recorded(checkpoint)
    first, last = parse_segment(steps, max(recorded, default=0), min(recorded, default=1))
    with tempfile.TemporaryDirectory(prefix="alignment-replay-") as work:
        job = _rebuild_job(archive, checkpoint, work)
        segment = replay(job, first, last, checkpoint.path, report)
    departures = tuple(_find_departures(checkpoint, recorded, segment))
    return Replay(
        checkpoint, first, last, segment, departures, find_environment_changes(checkpoint)
    )


def parse_segment(steps: str, end: int, begin: int = 1) -> tuple[int, int]:
    """`a:b` as numbers, of an artifact that recorded the steps `begin` to `end`.

    Raises:
        ArtifactError: if it is not written so, or not within the steps there are.
    """
    found = re.fullmatch(r"(\d{1,12}):(\d{1,12})", steps, re.ASCII)
    if not found:
        raise ArtifactError(f"{steps!r}: steps are named a:b, as in {begin}:{end}")
    first, last = int(found[1]), int(found[2])
    if not begin <= first <= last <= end:
        raise ArtifactError(f"{steps}: the training has the steps {begin}:{end}")
    return first, last


def find_environment_changes(artifact: Artifact) -> tuple[EnvironmentChange, ...]:
    """Code, commit, machine and packages that are not those recorded."""
    provenance = artifact.provenance
    recorded = {"code": provenance.code_digest, **provenance.git, **provenance.environment}
    now = {"code": code_digest(*PRETRAINING_CODE), **git_state(), **environment()}
    return tuple(
        EnvironmentChange(name, recorded.get(name, "not recorded"), now.get(name, "unknown"))
        for name in {**recorded, **now}
        if recorded.get(name) != now.get(name) and name not in PLACEMENT
    )


def _open_verified(archive: Archive, artifact: Artifact) -> Artifact:
    """The artifact, after its bytes and its signature have been verified."""
    return archive.lake.open(archive.study, artifact.asset, artifact.partition, artifact.version)


def _read_recorded(artifact: Artifact) -> dict[int, dict[str, Any]]:
    """Step → what the trainer wrote down of it."""
    rows: dict[int, dict[str, Any]] = {}
    try:
        for quantity, file in QUANTITIES.items():
            path = artifact.path / file
            if quantity == SKIPPED and SKIPPED not in pq.read_schema(path).names:
                continue
            for row in pq.read_table(path, columns=["step", quantity]).to_pylist():
                rows.setdefault(row["step"], {})[quantity] = row[quantity]
    except (OSError, ValueError, KeyError) as error:
        raise ArtifactError(f"{artifact.label}: its ledgers cannot be read ({error})") from None
    return rows


def _rebuild_job(archive: Archive, artifact: Artifact, work: str) -> PretrainJob:
    """The training as it was declared, on the mix and with the tokenizer that it names."""
    declared, measured = artifact.provenance.declared, artifact.provenance.measured
    read = artifact.provenance.inputs.external_inputs
    if sha256_json(declared) != artifact.provenance.inputs.declaration:
        raise ArtifactError(f"{artifact.label}: what it declares is not what its inputs name")
    folders = {asset: str(_open_parent(archive, artifact, asset).path) for asset in _INPUTS}
    state = None
    if trunk := declared.get("trunk"):
        before = _open_parent(archive, artifact, chain.TRUNK_CHECKPOINT)
        state = str(before.path / file_names.state(trunk["steps"]))
    try:
        return PretrainJob.model_validate(
            {
                **declared,
                "mix": folders[chain.CURATED_MIX],
                "tokenizer": folders["tokenizer"],
                "state": state,
                "base_digest": read.get(BASE),
                "output": work,
                "work": work,
                "device": "cpu" if measured.get("device", "cpu") == "cpu" else "auto",
                "determinism": measured.get("determinism", "exact"),
            }
        )
    except ValidationError as error:
        problem = error.errors()[0]
        where = ".".join(str(part) for part in problem["loc"])
        raise ArtifactError(f"{artifact.label}: declared {where}: {problem['msg']}") from None


_INPUTS = (chain.CURATED_MIX, chain.TOKENIZER)


def _open_parent(archive: Archive, artifact: Artifact, asset: str) -> Artifact:
    named = [one for one in artifact.provenance.inputs.parents if one.asset == asset]
    if len(named) != 1:
        raise ArtifactError(f"{artifact.label}: names {len(named)} parents {asset}")
    found = _open_verified(archive, archive.parent(named[0]))
    if found.as_parent(named[0].part).digest != named[0].digest:
        raise ArtifactError(f"{found.label}: is not what {artifact.label} was made from")
    return found


def _find_departures(
    artifact: Artifact, recorded: Mapping[int, Mapping[str, Any]], segment: "Segment"
) -> list[Departure]:
    found = []
    if segment.steps != max(recorded):
        found.append(Departure(LEDGER, "steps", None, max(recorded), segment.steps))
    for taken in segment.taken:
        row = recorded.get(taken.step, {})
        for quantity, file in QUANTITIES.items():
            then, now = row.get(quantity), getattr(taken, quantity)
            then = tuple(then) if isinstance(then, list) else then
            if then != now:
                found.append(Departure(file, quantity, taken.step, then, now))
    states = {file_names.state_tensors(step): one for step, one in segment.states.items()}
    for file, digest in {
        **states,
        **({WEIGHTS: segment.weights} if segment.weights else {}),
    }.items():
        if artifact.manifest.files.get(file) != digest:
            found.append(Departure(file, "sha256", None, artifact.manifest.files.get(file), digest))
    return found


def find_largest(departures: "list[Departure] | tuple[Departure, ...]") -> Departure | None:
    """The one whose numbers lie furthest apart."""
    numbers = [one for one in departures if one.deviation is not None]
    if not numbers:
        return None
    return max(
        numbers,
        key=lambda one: (
            math.inf if one.deviation is None or math.isnan(one.deviation) else one.deviation
        ),
    )
