"""The process that jobs are forked from is started where a run has jobs."""

import pytest

from alignment_dagster.foundation import job_process
from alignment_dagster.graph import progress_listener
from alignment_dagster.running.plan import Selection
from alignment_dagster.running.runner import run_study
from tests.support.tiny_study import TinyStudy


class Started(Exception):
    """Instead of its imports, which take seconds."""


@pytest.mark.slow
def test_a_run_without_jobs_starts_no_template(
    tiny: TinyStudy, monkeypatch: pytest.MonkeyPatch
) -> None:
    def warm_up() -> None:
        raise Started

    monkeypatch.setattr(job_process, "warm_up", warm_up)
    study = tiny.load()
    assert not run_study(study, Selection(last="raw_corpus"), 1).failures
    with pytest.raises(Started):
        run_study(study, Selection(last="pretrained_checkpoint"), 1)
    progress_listener.check()  # that run was cancelled; what this process runs next is not
