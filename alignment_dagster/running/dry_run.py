"""`alignment run --dry-run`: what would be made, why, and what it would take."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from alignment_dagster.audit.answer import Answer, Cell, Table
from alignment_dagster.chain import place
from alignment_dagster.foundation.home import Home
from alignment_dagster.foundation.placement import Placement, choose_placement
from alignment_dagster.lineage.lake import Lake
from alignment_dagster.lineage.partition_keys import SEPARATOR, Partition, is_replicate
from alignment_dagster.preflight.estimate import probes
from alignment_dagster.preflight.estimate.estimator import Estimate, Estimator, Shape, shape_of
from alignment_dagster.preflight.estimate.evidence import Evidence
from alignment_dagster.preflight.estimate.model_size import ModelSize, measure_model
from alignment_dagster.preflight.estimate.probes import Probed
from alignment_dagster.preflight.estimate.study_estimate import (
    is_cpu,
    jobs_at_once,
    wall_seconds,
)
from alignment_dagster.preflight.estimate.trainings import trainings
from alignment_dagster.preflight.estimate.words import bytes_words, time_words
from alignment_dagster.running.pending import Pending, find_pending
from alignment_dagster.running.plan import Selection, check_selection
from alignment_dagster.study import Study

Estimated = tuple[Pending, Estimate]


def dry_run(study: Study, selection: Selection, workers: int, device: str) -> Answer:
    """The plan of a run; it reads alone.

    Raises:
        AlignmentError: for what a run would refuse before it begins.
    """
    check_selection(study, selection)
    home = Home.from_environment()
    placement = choose_placement(home, device=device)
    lake, on_cpu = Lake(home.lake), is_cpu(placement)
    evidence = Evidence(lake, study.name)
    found = list(find_pending(study, selection, lake, evidence))
    due = [one for one in found if not one.is_current]
    size = measure_model(study, evidence)
    rates = dict(_recall(study, home, placement, size))
    estimator = Estimator(study, evidence, size, rates, on_cpu)
    made = [(one, estimator.estimate(one.asset, one.partition)) for one in due if one.computed]
    taken = [one for one in due if not one.computed]
    at_once = min(workers, jobs_at_once(study, placement, on_cpu=on_cpu))
    tables = [_made(made), _taken(taken)]
    return Answer(
        f"A run of {study.name} would make {len(made)} of {len(found)} artifacts",
        list(_sentences(study, made, len(found) - len(due), at_once)),
        [one for one in tables if one.rows],
        {"made": [(one.asset, one.partition, one.reason) for one, _ in made]},
    )


def _recall(
    study: Study, home: Home, placement: Placement, size: ModelSize
) -> Iterator[tuple[Shape, Probed]]:
    """What `alignment doctor` measured here."""
    for training in trainings(study):
        known = probes.recall(home, probes.probe_job(study, training, size, placement))
        if known is not None:
            yield shape_of(training), known


def _sentences(
    study: Study, made: Sequence[Estimated], current: int, at_once: int
) -> Iterator[str]:
    yield f"{current} are up to date, by their records: a run verifies every byte."
    if not made:
        return
    seconds = [(one.asset, estimate.seconds or 0.0) for one, estimate in made]
    unknown = list(dict.fromkeys(one.asset for one, found in made if found.seconds is None))
    least = "at least " if unknown else ""
    total = wall_seconds(seconds, at_once)
    written = sum(found.bytes or 0 for _, found in made)
    more = "at least " if any(found.bytes is None for _, found in made) else ""
    yield (
        f"It would take {least}{time_words(total)} with {at_once} at once, and write "
        f"{more}{bytes_words(written)}."
    )
    if unknown:
        yield (
            f"Unknown: the time of {', '.join(unknown)}. `alignment doctor {study.name}` measures "
            f"the speed of training, `alignment run {study.name} --smoke` everything in small."
        )


def _made(made: Sequence[Estimated]) -> Table:
    rows: list[list[Cell]] = []
    order = sorted(made, key=lambda one: place(one[0].asset))
    for (asset, reason), alike in groupby(order, lambda one: (one[0].asset, one[0].reason)):
        group = list(alike)
        seconds = [estimate.seconds for _, estimate in group]
        held = [estimate.bytes for _, estimate in group]
        partitions = partition_words(one.partition for one, _ in group)
        known = None if None in seconds else sum(one or 0.0 for one in seconds)
        sources = "" if known is None else group[0][1].seconds_from
        size = bytes_words(None if None in held else sum(one or 0 for one in held))
        rows.append([asset, partitions, len(group), reason, time_words(known), sources, size])
    columns = ["asset", "partitions", "artifacts", "why", "time", "time from", "disk"]
    return Table(
        "What would be made; what follows is made anew unless the bytes before it stay the same",
        columns,
        rows,
    )


def _taken(taken: Sequence[Pending]) -> Table:
    rows = [[one.asset, one.partition or "", one.reason] for one in taken]
    return Table("What would be taken again", ["asset", "partition", "why"], rows)


def partition_words(partitions: Iterable[Partition]) -> str:
    """Their names; of replicates each recipe once, with its seeds."""
    seeds: dict[str, list[str]] = {}
    for one in partitions:
        recipe, _, seed = (one or "").partition(SEPARATOR)
        seeds.setdefault(recipe, []).extend([seed] if is_replicate(one) else [])
    named = (
        f"{recipe}{SEPARATOR}{','.join(found)}" if found else recipe
        for recipe, found in seeds.items()
    )
    return ", ".join(named)
