"""The chain as Dagster assets: one loop over `chain.py` for every study."""

from collections.abc import Sequence

import dagster as dg

from alignment_dagster import chain
from alignment_dagster.defs import resources
from alignment_dagster.defs.automation_conditions import follows
from alignment_dagster.defs.partitions import dependency, partitions_definition
from alignment_dagster.foundation.errors import AlignmentError
from alignment_dagster.foundation.home import Home
from alignment_dagster.foundation.placement import POOL, read_placement
from alignment_dagster.graph.materialize import materialize
from alignment_dagster.graph.step import Step
from alignment_dagster.steps import marts
from alignment_dagster.steps.registry import STEPS
from alignment_dagster.study import Study

JOBS = frozenset((chain.TRUNK_CHECKPOINT, *chain.MODELS, *chain.MEASUREMENTS, chain.HARNESS))
"""What computes in a process of its own, on the home's device."""
MARTS = frozenset(step.asset for step in marts.STEPS)
"""dbt's assets are in `dbt_models`."""


def definitions(studies: Sequence[Study]) -> dg.Definitions:
    """Every asset of the chain in every study that has it."""
    return dg.Definitions(
        assets=[
            asset(step, study)
            for study in studies
            for step in STEPS.values()
            if step.asset not in MARTS and step.exists(study)
        ]
    )


def asset(step: Step, study: Study) -> dg.AssetsDefinition:
    """A step as an asset of a study: partitions, dependencies, checks, and texts."""
    key = dg.AssetKey([study.name, step.asset])
    partitions = partitions_definition(step, study)

    @dg.asset(
        key=key,
        deps=[
            dependency(STEPS[parent], step, study)
            for parent in step.chain.parents
            if STEPS[parent].exists(study)
        ],
        description=step.description,
        owners=[study.declaration.owner],
        kinds=set(step.kinds),
        group_name=group_name(study, step.chain.group),
        code_version=step.code_version,
        partitions_def=partitions,
        pool=POOL if step.asset in JOBS and _shares_accelerator() else None,
        check_specs=[
            dg.AssetCheckSpec(
                name,
                asset=key,
                description=text,
                blocking=name in step.checks,
                partitions_def=partitions,
            )
            for name, text in step.check_texts(study).items()
        ],
        tags={"study": study.name},
        automation_condition=follows(study, step.asset),
        required_resource_keys=resources.KEYS,
    )
    def compute(context: dg.AssetExecutionContext) -> dg.MaterializeResult:  # type: ignore[type-arg]
        return materialize(context, step, study, resources.stores(context, study))

    return compute


def _shares_accelerator() -> bool:
    """Whether jobs of this home take turns on accelerators."""
    try:
        return read_placement(Home.from_environment()).shared
    except AlignmentError:  # said when a run begins, or by `alignment check`
        return False


def group_name(study: Study, group: str) -> str:
    """Groups sort in the order of the chain."""
    return f"{study.name}_{group}"
