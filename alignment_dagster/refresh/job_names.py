"""Names and tags of the jobs that people and the refresh start."""

from alignment_dagster.study import Study

STARTED_BY = "alignment/started_by"
"""Of a run that nobody started in Dagster's pages: what did."""
SCHEDULE, WATCH, FOLLOWS, POLICY = "schedule", "watch", "follows", "training_policy"
COMMAND = "command"


def refresh_job(study: Study) -> str:
    """Reads and scores one source."""
    return f"{study.name}_refresh_corpus"


def train_job(study: Study) -> str:
    """Trains and measures one recipe with one seed."""
    return f"{study.name}_train_one_recipe"


def whole_job(study: Study) -> str:
    """Brings everything up to date."""
    return f"{study.name}_whole_study"
