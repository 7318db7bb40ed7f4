"""When an asset follows by itself: the named automation conditions of a study's refresh.

Event conditions alone would start runs that find nothing to do, or that are refused: what a step
would be made from decides. The conditions are evaluated where this code runs (see
`defs/refresh.py`), on half-minute ticks of Dagster's daemon.
"""

from abc import abstractmethod
from typing import TYPE_CHECKING, Any

import dagster as dg

from alignment_dagster.graph.step import Partition, Step
from alignment_dagster.study import Study

if TYPE_CHECKING:
    from alignment_dagster.graph.staleness import Frontier

FOLLOWS = "follows_when_checks_passed"
SOMETHING_NEW = "something_new"
CORPUS = {
    "scored_corpus": ("scored_corpus", "corpus_drift"),
    "dispositions": ("stg_documents", "stg_scores", "documents", "dispositions"),
    "curated_mix": ("tokenizer", "curated_mix"),
}
"""`follow` → the assets that follow with it; those above it follow too."""
RESULTS = ("mix_composition", "metrics", "eval_report", "regression_gate")
"""Follow once every replicate is measured on the current mixes, whoever asked for the training."""

MODELS = (*CORPUS["dispositions"], *RESULTS[:2])
"""Of dbt."""


class OfStep(dg.AutomationCondition[Any]):
    """A condition on what makes an asset: the same for all models of one dbt part."""

    @property
    def description(self) -> str:
        return (self.__doc__ or "").splitlines()[0]

    @abstractmethod
    def holds(self, frontier: "Frontier", step: Step, partition: Partition) -> bool:
        """Whether it is true of a partition."""

    def evaluate(self, context: Any) -> "dg.AutomationResult[Any]":
        """True for those candidates of which it holds."""
        from alignment_dagster.graph.staleness import step_of

        frontier, step = _frontier(context), step_of(context.key.path[-1])
        candidates = context.candidate_subset.expensively_compute_asset_partitions()
        true = {
            one
            for one in candidates
            if step is not None and self.holds(frontier, step, one.partition_key)
        }
        view = context.asset_graph_view
        subset = view.get_asset_subset_from_asset_partitions(context.key, true)
        return dg.AutomationResult(context, subset)


class InputsChanged(OfStep):
    """It would be made from other inputs than it was, and all of them are settled."""

    @property
    def name(self) -> str:
        return "inputs_changed"

    def holds(self, frontier: "Frontier", step: Step, partition: Partition) -> bool:
        return frontier.is_due(step, partition)


class NothingInProgress(OfStep):
    """No unfinished run makes it or one of its parents."""

    @property
    def name(self) -> str:
        return "nothing_in_progress"

    def holds(self, frontier: "Frontier", step: Step, partition: Partition) -> bool:
        return frontier.is_idle(step, partition)


def follows(study: Study, asset: str) -> "dg.AutomationCondition[Any] | None":
    """The condition under which an asset follows; None where it does not.

    It is asked for once whenever its inputs have changed. A run that failed is tried again when a
    parent is made again, or at the next scheduled time.
    """
    refresh = study.declaration.refresh
    if refresh is None or asset not in followers(study):
        return None
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
    follows: dg.AutomationCondition[Any] = (
        something_new & changed & NothingInProgress() & passed
    ).with_label(FOLLOWS)
    return follows


def followers(study: Study) -> tuple[str, ...]:
    """The assets that follow by themselves, in the order of the chain."""
    refresh = study.declaration.refresh
    if refresh is None:
        return ()
    last = list(CORPUS).index(refresh.follow)
    corpus = tuple(name for names in list(CORPUS.values())[: last + 1] for name in names)
    found = (*corpus, *(RESULTS if refresh.follow == "curated_mix" else ()))
    absent = {"corpus_drift": refresh.drift, "regression_gate": refresh.gate}
    return tuple(name for name in found if absent.get(name, name) is not None)


_last: tuple[Any, "Frontier"] | None = None


def _frontier(context: Any) -> "Frontier":
    """One for all the conditions of a study in a tick."""
    from alignment_dagster.defs.asset_factory import studies
    from alignment_dagster.foundation.home import Home
    from alignment_dagster.lineage.lake import Lake
    from alignment_dagster.graph.staleness import Frontier

    global _last
    view, name = context.asset_graph_view, context.key.path[0]
    if _last is None or _last[0] is not view or _last[1].study.name != name:
        study = next(study for study in studies() if study.name == name)
        _last = (view, Frontier(view.instance, Lake(Home.from_environment().lake), study))
    return _last[1]
