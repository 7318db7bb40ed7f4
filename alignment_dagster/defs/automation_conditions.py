"""When an asset follows by itself: the named automation conditions of a study's refresh.

Event conditions alone would start runs that find nothing to do, or that are refused: what a step
would be made from decides. The conditions are evaluated where this code runs (see
`defs/refresh.py`), on half-minute ticks of Dagster's daemon.
"""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import dagster as dg

from alignment_dagster.chain import (
    CHAIN,
    CLASSIFIER,
    CORPUS_DRIFT,
    CURATED_MIX,
    EVAL_REPORT,
    NEAR_DUPLICATES,
    RAW_CORPUS,
    REGRESSION_GATE,
    TRUNK_CHECKPOINT,
    WAVES,
    Asset,
)
from alignment_dagster.foundation.home import Home
from alignment_dagster.graph.staleness import Staleness
from alignment_dagster.graph.step import Step
from alignment_dagster.lineage.lake import Lake
from alignment_dagster.lineage.partition_keys import Partition
from alignment_dagster.steps.marts import PARTS
from alignment_dagster.steps.registry import STEPS, TRAINING_WAVE, step_of
from alignment_dagster.study import Study

FOLLOWS = "follows_when_checks_passed"
SOMETHING_NEW = "something_new"
MODELS = tuple(name for part in PARTS.values() for one in part for name in (*CHAIN[one].views, one))
"""Of dbt."""


class OfStep(dg.AutomationCondition[Any]):
    """A condition on the step that makes an asset; a view's is the mart's that it is made with."""

    @property
    def description(self) -> str:
        return (self.__doc__ or "").splitlines()[0]

    @abstractmethod
    def holds(self, staleness: Staleness, step: Step, partition: Partition) -> bool:
        """Whether it is true of a partition."""

    def evaluate(self, context: Any) -> "dg.AutomationResult[Any]":
        """True for those candidates of which it holds."""
        staleness, step = _staleness(context), step_of(context.key.path[-1])
        candidates = context.candidate_subset.expensively_compute_asset_partitions()
        true = {
            one
            for one in candidates
            if step is not None and self.holds(staleness, step, one.partition_key)
        }
        view = context.asset_graph_view
        subset = view.get_asset_subset_from_asset_partitions(context.key, true)
        return dg.AutomationResult(context, subset)


class InputsChanged(OfStep):
    """It would be made from other inputs than it was, and all of them are settled."""

    @property
    def name(self) -> str:
        return "inputs_changed"

    def holds(self, staleness: Staleness, step: Step, partition: Partition) -> bool:
        return staleness.is_due(step, partition)


class NothingInProgress(OfStep):
    """No unfinished run makes it or one of its parents."""

    @property
    def name(self) -> str:
        return "nothing_in_progress"

    def holds(self, staleness: Staleness, step: Step, partition: Partition) -> bool:
        return staleness.is_idle(step, partition)


def follows(study: Study, asset: str) -> "dg.AutomationCondition[Any] | None":
    """The condition under which an asset follows; None where it does not.

    It is asked for once whenever its inputs have changed. A run that failed is tried again when a
    parent is made again, or at the next scheduled time.
    """
    refresh = study.declaration.refresh
    if refresh is None or asset not in followers(study):
        return None
    _following[study.name] = study
    condition = dg.AutomationCondition
    changed = InputsChanged()
    trigger: Any = changed.newly_true() | condition.any_deps_updated() | condition.newly_updated()
    if refresh.schedule is not None:
        schedule = refresh.schedule
        trigger = trigger | condition.cron_tick_passed(schedule.cron, schedule.timezone)
    something_new = trigger.since(condition.newly_requested()).with_label(SOMETHING_NEW)
    passed = condition.all_deps_blocking_checks_passed()
    if asset in MODELS:
        # Their own tests are in the run that makes them, all of them or none.
        models = (dg.AssetKey([study.name, name]) for name in MODELS)
        passed = passed.ignore(dg.AssetSelection.assets(*models))
    if asset == REGRESSION_GATE:
        # It reads what lies behind the report; only the report's own checks decide.
        behind = (name for name in CHAIN[asset].parents if name != EVAL_REPORT)
        keys = (dg.AssetKey([study.name, name]) for name in behind)
        passed = passed.ignore(dg.AssetSelection.assets(*keys))
    follows: dg.AutomationCondition[Any] = (
        something_new & changed & NothingInProgress() & passed
    ).with_label(FOLLOWS)
    return follows


def followers(study: Study) -> tuple[str, ...]:
    """The assets that follow by themselves, in the order of the chain."""
    refresh = study.declaration.refresh
    if refresh is None:
        return ()
    last = next(
        place for place, wave in enumerate(WAVES) if refresh.follow in {one.name for one in wave}
    )
    found = [name for name in _names(WAVES[: last + 1]) if name != RAW_CORPUS]
    if refresh.follow == CURATED_MIX:
        # Once every replicate is measured on the current mixes, whoever asked for the training.
        found += _names(WAVES[TRAINING_WAVE + 1 :])
    absent = {
        CLASSIFIER: study.classifiers or None,
        CORPUS_DRIFT: refresh.drift,
        NEAR_DUPLICATES: study.declaration.near_duplicates,
        REGRESSION_GATE: refresh.gate,
        TRUNK_CHECKPOINT: study.trunk_recipes or None,
    }
    return tuple(name for name in found if absent.get(name, name) is not None)


def _names(waves: Sequence[Sequence[Asset]]) -> list[str]:
    return [name for wave in waves for one in wave for name in (*one.views, one.name)]


_following: dict[str, Study] = {}
"""The studies of this code location that refresh by themselves, as it was loaded."""
_last: tuple[Any, Staleness] | None = None


def _staleness(context: Any) -> Staleness:
    """One for all the conditions of a study in a tick."""
    global _last
    view, name = context.asset_graph_view, context.key.path[0]
    if _last is None or _last[0] is not view or _last[1].study.name != name:
        lake = Lake(Home.from_environment().lake)
        _last = (view, Staleness(view.instance, lake, _following[name], STEPS))
    return _last[1]
