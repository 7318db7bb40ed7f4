"""An upgrade remakes only what it changes: a finished lake under an altered copy of the package."""

import re
from pathlib import Path

import pytest

from tests.support.audited_study import Audited
from tests.support.tiny_study import NAME
from tests.support.upgraded_package import Upgraded

pytestmark = pytest.mark.slow
CHANGED = "changed since the current report was made"


def made(told: str) -> list[str]:
    """What a run says that it made, without the versions."""
    return re.findall(r"^✓ (.+)@", told, re.MULTILINE)


def test_words_and_moved_modules_make_nothing_stale(altered: Audited, tmp_path: Path) -> None:
    upgraded = Upgraded.create(tmp_path / "upgraded")
    upgraded.replace(
        "alignment_dagster/steps/raw_corpus.py", "The source has documents.", "There are some."
    )
    upgraded.replace(
        "alignment_dagster/steps/curated_mix.py", "The training data of one", "What models of one"
    )
    upgraded.replace("alignment_dagster/report/templates/report.html.j2", "<h1>", "<h1>Study ")
    upgraded.replace(
        "dbt_project/models/corpus/documents.yml", "Every document of the study", "All documents"
    )
    upgraded.move("mixing.packing", "mixing.sequences")
    done = upgraded.command(altered, "run", NAME)
    assert done.returncode == 0, done.stderr
    assert made(done.stderr) == []
    assert "Nothing had to run" in done.stderr
    checked = upgraded.command(altered, "audit", "check", NAME)
    assert checked.returncode == 0, checked.stdout
    assert CHANGED not in checked.stdout


def test_other_packing_remakes_what_depends_on_it(altered: Audited, tmp_path: Path) -> None:
    upgraded = Upgraded.create(tmp_path / "upgraded")
    upgraded.replace(
        "alignment_dagster/mixing/packing.py",
        "    lengths = encoded.lengths[copies.documents]\n",
        "    copies = Copies(copies.documents[::-1], copies.numbers[::-1])\n"
        "    lengths = encoded.lengths[copies.documents]\n",
    )
    upgraded.replace(
        "alignment_dagster/steps/curated_mix.py", 'code_version="1"', 'code_version="2"'
    )
    one = ("--recipe", "unfiltered", "--seed", "0", "--to", "pretrained_checkpoint")
    checked, done = upgraded.commands(altered, ("audit", "check", NAME), ("run", NAME, *one))
    assert checked.returncode == 0, checked.stdout
    (_, told), *_ = [checked.stdout.split(CHANGED)]
    listed = re.findall(r"^[├└]── (.+)$", told, re.MULTILINE)
    assert listed == ["curated_mix (2 partitions)  its code is version 2, and was 1"]
    assert done.returncode == 0, done.stderr
    assert made(done.stderr) == ["curated_mix[unfiltered]", "pretrained_checkpoint[unfiltered|0]"]
