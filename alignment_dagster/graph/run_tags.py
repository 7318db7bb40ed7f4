"""Tags of Dagster's runs that say what started them."""

STARTED_BY = "alignment/started_by"
"""Of a run that nobody started in Dagster's pages: what did."""
SCHEDULE, WATCH, FOLLOWS, POLICY = "schedule", "watch", "follows", "training_policy"
COMMAND = "command"
STUDY = "study"
