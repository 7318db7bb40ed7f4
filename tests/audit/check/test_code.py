"""The code that a record names is recomputed at the commit that it names."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from alignment_dagster.audit.check.scope import Findings, Scope
from alignment_dagster.audit.check.study import check_all_records
from alignment_dagster.audit.check.survey import survey
from alignment_dagster.audit.open_report import open_archive
from alignment_dagster.foundation.home import Home
from alignment_dagster.foundation.shipped import PACKAGE
from alignment_dagster.lineage import code_digest
from alignment_dagster.lineage.checkout import Checkout
from tests.support import record_lake
from tests.support.audited_study import Audited
from tests.support.record_lake import STUDY

MODULES = ("mixing/mix.py", "steps/curated_mix.py")


@pytest.fixture(scope="module")
def commit() -> str:
    here = Checkout.around(PACKAGE)
    found = here.head() if here else None
    if found is None:
        pytest.skip("the package lies in no checkout")
    return found


def found_in(folder: Path, code: Mapping[str, Any]) -> tuple[list[str], Findings]:
    """What a check of one artifact says about its code."""
    lake = record_lake.make(folder)
    artifact = record_lake.publish(lake, code=code)
    found, records = Findings(), {artifact.key: artifact}
    home = Home(lake.root.parent)
    check_all_records(Scope(open_archive(STUDY, home), home, records, records, found, {}))
    return [f"{gap.subject}: {gap.message}" for gap in found.gaps if "code" in gap.message], found


def test_code_that_is_the_commits_is_no_gap(commit: str, tmp_path: Path) -> None:
    own = code_digest.committed_code_digest(commit, *MODULES)
    made = {"code_digest": own, "modules": MODULES, "git": {"commit": commit, "dirty": "false"}}
    gaps, found = found_in(tmp_path, made)
    assert gaps == []
    assert found.counts["code digests"] == 1


def test_changed_code_under_a_clean_flag_is_named(commit: str, tmp_path: Path) -> None:
    files = code_digest._committed(commit)
    assert files is not None
    edited = {**files, "mixing/packing.py": files["mixing/packing.py"] + b"# another\n"}
    digest = code_digest.digest_files(edited, MODULES)
    made = {"code_digest": digest, "modules": MODULES, "git": {"commit": commit, "dirty": "false"}}
    gaps, _ = found_in(tmp_path, made)
    (gap,) = gaps
    assert f": the code that made it is not that of commit {commit[:12]}, as its record" in gap
    assert gap.startswith("curated_mix[plain]@")


def test_a_module_that_the_commit_does_not_have_is_named(commit: str, tmp_path: Path) -> None:
    unknown = {"modules": ("../../secret",), "git": {"commit": commit, "dirty": "false"}}
    gaps, _ = found_in(tmp_path, unknown)
    assert len(gaps) == 1


@pytest.mark.parametrize("other", ["f" * 40, "--help", "HEAD"])
def test_a_commit_that_is_not_here_is_said_and_is_no_gap(tmp_path: Path, other: str) -> None:
    made = {"modules": MODULES, "git": {"commit": other, "dirty": "false"}}
    gaps, found = found_in(tmp_path, made)
    assert gaps == []
    assert any("1 artifacts" in note and other[:12] in note for note in found.notes)


def test_what_is_said_to_be_changed_is_not_compared(commit: str, tmp_path: Path) -> None:
    made = {"modules": MODULES, "git": {"commit": commit, "dirty": "true"}}
    gaps, found = found_in(tmp_path, made)
    assert gaps == []
    assert found.counts["code digests"] == 0


def test_a_run_records_which_modules_made_what(audited: Audited) -> None:
    artifacts = survey(audited.archive, Findings()).values()
    assert artifacts
    for artifact in artifacts:
        provenance = artifact.provenance
        assert provenance.modules, artifact.label
        assert code_digest.code_digest(*provenance.modules) == provenance.code_digest
