"""Every answer is what its own log-probabilities say."""

import duckdb

from alignment_dagster import chain
from alignment_dagster.audit.check.scope import Scope
from alignment_dagster.evaluation.options import TIE
from alignment_dagster.lineage import file_names

SHARE = f"""
    create macro share(options, target) as if(
        list_max(options) - options[target + 1] <= {TIE},
        1 / len(list_filter(options, lambda one: list_max(options) - one <= {TIE})),
        0
    )
"""
"""How much an answer counts, as `hit_share` has it."""
NO_CHOICE = -1
"""In the column `choice`: no options were compared."""
UNLIKE = """
    with compared as (
        select suite, item_id, stage, target, choice, hit::double as hit, log_probabilities as sums,
            list_transform(
                generate_series(1, len(log_probabilities)),
                lambda i: log_probabilities[i] / tokens[i]
            ) as means
        from read_parquet($file) where choice <> $none
    )
    select suite, item_id, stage from compared
    where not (
        choice = list_position(sums, list_max(sums)) - 1 and hit = share(sums, target)
        or choice = list_position(means, list_max(means)) - 1 and hit = share(means, target)
    )
"""
"""The chosen option is the likeliest one, by the sum or by the mean of its tokens; of k that tie,
each counts 1/k."""


def check_answers(scope: Scope) -> None:
    """The answers of evaluations and tamperings in scope."""
    with duckdb.connect(":memory:") as connection:
        connection.execute(SHARE)
        for artifact in scope.checked(chain.EVALUATION, chain.TAMPERING):
            subject = f"{artifact.label} {file_names.ITEMS}"
            with scope.findings.guard("ledgers", subject):
                values = {"file": str(artifact.path / file_names.ITEMS), "none": NO_CHOICE}
                unlike = connection.execute(UNLIKE, values).fetchall()
                if unlike:
                    suite, item, stage = unlike[0]
                    message = (
                        f"{len(unlike):,} answers are not what their log-probabilities say, "
                        f"as {suite} {item} at {stage}"
                    )
                    scope.findings.gap("ledgers", subject, message)
