"""Which replicates are to be trained again by themselves: the declared policy and its budget."""

from dataclasses import dataclass
from datetime import UTC, datetime

import dagster as dg

from alignment_dagster.chain import CURATED_MIX, MEASUREMENTS, OF_RECIPES
from alignment_dagster.foundation.digests import sha256_text
from alignment_dagster.foundation.errors import AlignmentError
from alignment_dagster.graph.partitions import by_replicate
from alignment_dagster.graph.run_tags import POLICY, STARTED_BY, STUDY
from alignment_dagster.graph.staleness import Staleness
from alignment_dagster.graph.unfinished_runs import UNFINISHED
from alignment_dagster.lineage.ancestry import ancestry, parent_keys
from alignment_dagster.lineage.lake import Artifact, Lake
from alignment_dagster.lineage.partition_keys import recipe_of
from alignment_dagster.lineage.provenance import Key
from alignment_dagster.refresh.budget import (
    Account,
    Started,
    account,
    begun_runs,
    measured_seconds,
    period_of,
)
from alignment_dagster.refresh.mix_change import changed_share
from alignment_dagster.steps.registry import STEPS, TRAINING_WAVE, wave_assets, wave_steps
from alignment_dagster.study import Budget, Study


@dataclass(frozen=True)
class Replicate:
    """A recipe and seed whose models are not those of the current mix."""

    partition: str
    share: float
    """Of the mix's tokens that are new since the models were trained; 1 before the first."""
    assets: tuple[str, ...]
    """What has to be made."""
    key: str
    """The same for as long as mix and declaration are the same."""


class Shares:
    """Changed shares of mixes, each computed once: it means to read two tables of documents."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], float] = {}

    def __call__(self, then: Artifact, now: Artifact) -> float:
        """The share of the tokens of `now` that `then` does not have."""
        pair = (then.digest, now.digest)
        if pair not in self._known:
            if len(self._known) >= 256:
                self._known.clear()
            self._known[pair] = changed_share(then.path, now.path)
        return self._known[pair]


_shares = Shares()


def wanted(staleness: Staleness) -> list[Replicate]:
    """What the policy would train, the most changed first; what a run is at is left out.

    Raises:
        ArtifactError: if a mix's records are damaged.
    """
    study = staleness.study
    refresh = study.declaration.refresh
    if refresh is None or refresh.training.when == "never":
        return []
    least = refresh.training.share or 0.0
    found = [one for part in by_replicate(study) if (one := _replicate(part, staleness))]
    return sorted((one for one in found if one.share >= least), key=lambda one: -one.share)


def _replicate(partition: str, staleness: Staleness) -> Replicate | None:
    recipe = recipe_of(partition)
    mix = staleness.artifact(CURATED_MIX, recipe)
    if mix is None or not staleness.is_settled(CURATED_MIX, recipe):
        return None
    steps = wave_steps(staleness.study, TRAINING_WAVE)
    if not all(staleness.is_idle(step, partition) for step in steps):
        return None
    share = _share(partition, mix, staleness)
    if share is None:
        return None
    assets = wave_assets(staleness.study, TRAINING_WAVE)
    return Replicate(partition, share, assets, sha256_text(partition, mix.digest)[:16])


def _share(partition: str, mix: Artifact, staleness: Staleness) -> float | None:
    """How much of the mix the models have not read; None where they have read this very mix."""
    shares = []
    for step in (STEPS[name] for name in MEASUREMENTS if STEPS[name].exists(staleness.study)):
        measured = staleness.artifact(step.asset, partition)
        then = None if measured is None else trained_mix(measured, staleness)
        if then is None:
            return 1.0
        if then.digest != mix.digest:
            shares.append(_shares(then, mix))
    return max(shares, default=None)


def trained_mix(artifact: Artifact, staleness: Staleness) -> Artifact | None:
    """The mix that the models of a measurement were trained on; None if it is gone."""
    found = {artifact.key: artifact}

    def parents(key: Key) -> list[Key]:
        try:
            if key not in found:
                found[key] = staleness.lake.read(staleness.study.name, *key)
        except AlignmentError:
            return []
        if key[0] == CURATED_MIX:
            return []
        return [
            (asset, partition, version)
            for asset, partition, version in parent_keys(found[key])
            if asset in OF_RECIPES
        ]

    graph = ancestry([artifact.key], parents)
    own = (CURATED_MIX, recipe_of(artifact.partition))  # a branch's trunk has read another's
    return next((found.get(key) for key in graph if key[:2] == own), None)


def account_of(study: Study, budget: Budget, instance: dg.DagsterInstance, lake: Lake) -> Account:
    """What the policy's runs of the current period have spent.

    Runs that began count by the journal: Dagster's can be deleted.

    Raises:
        ArtifactError: if the journal does not hold.
    """
    now = datetime.now(UTC)
    start, _ = period_of(budget.period, now)
    records = instance.get_run_records(
        dg.RunsFilter(tags={STARTED_BY: POLICY, STUDY: study.name}, created_after=start)
    )
    started = [_started(record, now) for record in records]
    noted = begun_runs(lake.journal(study.name).history(), start)
    started += [run for run in noted if instance.get_run_by_id(run.run_id) is None]
    measured = measured_seconds(lake, study.name, [run.run_id for run in started])
    return account(budget, now, started, measured)


def _started(record: dg.RunRecord, now: datetime) -> Started:
    unfinished = record.dagster_run.status in UNFINISHED
    begun = record.start_time
    end = now.timestamp() if unfinished or record.end_time is None else record.end_time
    seconds = max(0.0, end - begun) if begun else 0.0
    return Started(record.dagster_run.run_id, seconds, unfinished)


def policy_words(study: Study) -> str:
    """The policy in a sentence."""
    refresh = study.declaration.refresh
    if refresh is None:
        return "no refresh is declared; only people start anything"
    return {
        "never": "nothing is trained by itself",
        "always": "models are trained again whenever their mix has changed",
        "mix_changed": "models are trained again when at least "
        f"{refresh.training.share or 0:.1%} of their mix's tokens are new",
    }[refresh.training.when]
