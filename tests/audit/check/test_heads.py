"""A journal's end that was cut off, with all that it named, is shown by a head kept elsewhere."""

import shutil

import pytest

from alignment_dagster.audit.check import CheckReport, check_study
from alignment_dagster.graph.instance import open_instance
from alignment_dagster.graph.review_events import tell_dagster
from alignment_dagster.lineage.journal_lines import Head
from alignment_dagster.release.approval import approve
from tests.support.audited_study import Audited
from tests.support.tiny_study import NAME

pytestmark = pytest.mark.slow


def since(made: Audited, head: str) -> CheckReport:
    return check_study(made.archive, made.home, since=Head.parse(head))


def reject(made: Audited) -> None:
    archive = made.archive
    review = approve(archive, archive.report(), "ann", "rejected", "It is worse.", None)
    tell_dagster(made.home, archive, archive.report(), review)


def test_a_rollback_needs_no_key_and_a_head_that_was_kept_names_it(altered: Audited) -> None:
    with open_instance(altered.home):
        pass  # as whoever looks at Dagster does
    first = altered.archive.lake.journal(NAME).history().head
    before = altered.folder.with_name("before")
    shutil.copytree(altered.home.root, before, symlinks=True)
    reject(altered)
    done = altered.command("audit", "head", NAME)
    second = done.stdout.strip()
    assert second != f"{NAME} {first}"
    for kept in (first, second, second[: len(NAME) + 25]):
        report = since(altered, kept)
        assert report.closed, report.gaps
        assert f"{NAME} {report.head}" == second
    assert report.head in altered.command("results", NAME).stdout
    shutil.rmtree(altered.home.root)
    before.rename(altered.home.root)  # journal, review and both databases: without any key
    assert since(altered, first).closed
    number = second.removeprefix(f"{NAME} ").partition(":")[0]
    (gap,) = since(altered, second).gaps
    assert (gap.subject, "its end was cut off" in gap.message) == (
        f"journal.jsonl line {number}",
        True,
    )
    forged = first[:-1] + ("0" if first[-1] != "0" else "1")
    done = altered.command("audit", "check", NAME, "--since", forged)
    assert done.returncode == 1
    assert "it was written anew" in " ".join(done.stdout.split())
