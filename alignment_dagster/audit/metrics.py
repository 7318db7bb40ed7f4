"""Finding a metric of a report by its name, or by some words of it."""

from collections import Counter
from collections.abc import Sequence

from alignment_dagster.audit.open_report import OpenedReport
from alignment_dagster.foundation.errors import ArtifactError
from alignment_dagster.lineage import file_names
from alignment_dagster.lineage.archive import similar
from alignment_dagster.report.names import metric_name
from alignment_dagster.report.results import ResultRow, read_results
from alignment_dagster.report.terminal_table import headline_prompt
from alignment_dagster.study import ATTACK_SUCCESS, WORST_CASE

MAX_SHOWN = 8
"""Names that a message lists."""


def list_metrics(opened: OpenedReport) -> tuple[ResultRow, ...]:
    """Every metric of the report, in the report's order.

    Raises:
        ArtifactError: if the report has no readable results.
    """
    return read_results(opened.report.path / file_names.RESULTS)


def find_metric(opened: OpenedReport, name: str) -> ResultRow:
    """The one metric of the report that a person means.

    Any words of its name in any order do, separated by `/`. What is left out is: without an attack,
    pooled over all seeds, the suite as a whole, and the prompt of the headlines (of attacks, the
    worst case).

    Raises:
        ArtifactError: if no metric fits, or several do; lists near matches.
    """
    rows = list_metrics(opened)
    exact = [row for row in rows if metric_name(row) == name]
    fitting = exact or _narrow(rows, [row for row in rows if _matches(row, name)])
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        names = [metric_name(row) for row in fitting]
        raise ArtifactError(
            f"metric {name!r}: {len(names)} of {opened.report.label} fit; say more of: "
            f"{join_names(names)}"
        )
    raise ArtifactError(_explain_unknown(opened, name, rows))


def join_names(names: Sequence[str]) -> str:
    """The first few for a message, and how many more there are."""
    more = f" and {len(names) - MAX_SHOWN} more" if len(names) > MAX_SHOWN else ""
    return f"{', '.join(names[:MAX_SHOWN])}{more}"


def _matches(row: ResultRow, name: str) -> bool:
    wanted = Counter(word for word in name.split("/") if word)
    return bool(wanted) and wanted <= Counter(metric_name(row).split("/"))


def _narrow(rows: Sequence[ResultRow], fitting: Sequence[ResultRow]) -> list[ResultRow]:
    """What is left after each default that leaves anything."""
    left = _prefer(fitting, [row for row in fitting if row.metric != ATTACK_SUCCESS])
    left = _prefer(left, [row for row in left if row.seed is None])
    whole = min((row.suite.count("/") for row in left), default=0)
    left = [row for row in left if row.suite.count("/") == whole]
    return _prefer(left, [row for row in left if row.prompt == _default_prompt(rows, row)])


def _default_prompt(rows: Sequence[ResultRow], row: ResultRow) -> str:
    return WORST_CASE if row.metric == ATTACK_SUCCESS else headline_prompt(rows, row.suite)


def _prefer(rows: Sequence[ResultRow], preferred: list[ResultRow]) -> list[ResultRow]:
    return preferred or list(rows)


def _explain_unknown(opened: OpenedReport, name: str, rows: Sequence[ResultRow]) -> str:
    """Names the word that no metric has, where there is one, and what comes near."""
    known = {word for row in rows for word in metric_name(row).split("/")}
    strange = [word for word in name.split("/") if word and word not in known]
    if strange:
        return (
            f"metric {name!r}: {opened.report.label} has none with {strange[0]!r} "
            f"(near: {similar(strange[0], sorted(known))})"
        )
    names = [metric_name(row) for row in rows if row.seed is None]
    return (
        f"metric {name!r}: {opened.report.label} has no such combination (near: "
        f"{similar(name, names)})"
    )
