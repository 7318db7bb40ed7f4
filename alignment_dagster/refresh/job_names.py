"""Names and tags of the jobs that people and the refresh start, and what each of them makes."""

from alignment_dagster.graph.step import Step
from alignment_dagster.running.plan import WAVES
from alignment_dagster.study import Study

STARTED_BY = "alignment/started_by"
"""Of a run that nobody started by hand: what did."""
SCHEDULE, WATCH, FOLLOWS, POLICY = "schedule", "watch", "follows", "training_policy"
_FIRST = [wave[0].asset for wave in WAVES]
READING, TRAINING = _FIRST.index("raw_corpus"), _FIRST.index("pretrained_checkpoint")
"""Waves of the plan."""


def refresh_job(study: Study) -> str:
    """Reads and scores one source."""
    return f"{study.name}_refresh_corpus"


def train_job(study: Study) -> str:
    """Trains and measures one recipe with one seed."""
    return f"{study.name}_train_one_recipe"


def whole_job(study: Study) -> str:
    """Brings everything up to date."""
    return f"{study.name}_whole_study"


def wave_steps(study: Study, wave: int) -> tuple[Step, ...]:
    """The steps of a wave that the study has."""
    return tuple(step for step in WAVES[wave] if step.exists(study))


def wave_assets(study: Study, wave: int) -> tuple[str, ...]:
    """The assets that a wave makes."""
    return tuple(name for step in wave_steps(study, wave) for name in step.selects)
