"""One study, or all that a lake has, checked and answered for."""

from collections.abc import Sequence

from alignment_dagster.audit.answer import Answer
from alignment_dagster.audit.check.report import CheckReport
from alignment_dagster.audit.check.study import check_study
from alignment_dagster.audit.open_report import open_archive
from alignment_dagster.foundation.errors import AlignmentError, ArtifactError
from alignment_dagster.foundation.home import Home, assets_folder
from alignment_dagster.graph.stale_reasons import StaleReasons
from alignment_dagster.lineage.journal_lines import Head
from alignment_dagster.lineage.lake import Lake
from alignment_dagster.preflight.studies import is_declared, load_study
from alignment_dagster.steps.registry import STEPS


def check_lake(name: str | None, since: str | None) -> tuple[bool, Answer]:
    """Whether all is closed, and the answer.

    Args:
        since: the journal's head, as it was kept.

    Raises:
        AlignmentError: if the lake is not one, has nothing of the study, or a declaration of
            today cannot be read, or `since` is no head, or of no study.
    """
    head = None if since is None else Head.parse(since)
    if head is not None and name is None:
        raise AlignmentError("--since: name the study whose journal it is of")
    home = Home.from_environment()
    names = [name] if name else _studies(home)
    reports = [
        check_study(open_archive(one, home), home, today=declared_today(one), since=head)
        for one in names
    ]
    return all(report.closed for report in reports), _answer(reports)


def _studies(home: Home) -> list[str]:
    lake = Lake(home.lake)
    lake.require_format()
    found = lake.studies()
    if not found:
        raise ArtifactError(f"{home.lake}: the lake holds nothing yet")
    return found


def declared_today(name: str) -> StaleReasons | None:
    """The study as it is declared today; None where it is not declared (any more).

    Raises:
        DeclarationError: if its declaration cannot be read.
    """
    assets = assets_folder()
    if not is_declared(name, assets):
        return None
    return StaleReasons(load_study(name, assets), STEPS)


def _answer(reports: Sequence[CheckReport]) -> Answer:
    answers = [report.answer() for report in reports]
    if len(answers) == 1:
        return answers[0]
    closed = [report.study for report in reports if report.closed]
    return Answer(
        title=f"check of {len(reports)} studies",
        sentences=[
            f"{len(closed)} of {len(reports)} studies are closed.",
            *(f"{one.title}: {sentence}" for one in answers for sentence in one.sentences),
        ],
        blocks=[block for answer in answers for block in answer.blocks],
        data={"studies": [answer.data for answer in answers]},
        tone="good" if len(closed) == len(reports) else "bad",
    )
