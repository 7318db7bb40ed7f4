"""Names and tags of the jobs that people and the refresh start."""

from alignment_dagster.study import Study


def refresh_job(study: Study) -> str:
    """Reads and scores one source."""
    return f"{study.name}_refresh_corpus"


def train_job(study: Study) -> str:
    """Trains and measures one recipe with one seed."""
    return f"{study.name}_train_one_recipe"


def whole_job(study: Study) -> str:
    """Brings everything up to date."""
    return f"{study.name}_whole_study"
