"""`alignment run --dry-run` says what a run would make, and why; it writes and starts nothing."""

from pathlib import Path

import pytest

from alignment_dagster.foundation.errors import AlignmentError
from alignment_dagster.foundation.home import Home
from alignment_dagster.lineage.lake import Lake
from alignment_dagster.preflight.estimate.evidence import Evidence
from alignment_dagster.running.dry_run import dry_run, partition_words
from alignment_dagster.running.pending import Pending, find_pending
from alignment_dagster.running.plan import Selection
from alignment_dagster.study import Study
from tests.support.audited_study import RUN_OUTPUT, Audited
from tests.support.tiny_study import NAME, TinyStudy


def files(root: Path) -> dict[Path, tuple[int, int]]:
    found = {path: path.stat() for path in root.rglob("*")}
    return {path: (one.st_size, one.st_mtime_ns) for path, one in found.items()}


def pending(study: Study, home: Home, **selected: object) -> dict[tuple[str, str | None], Pending]:
    lake = Lake(home.lake)
    found = find_pending(study, Selection(**selected), lake, Evidence(lake, study.name))  # type: ignore[arg-type]
    return {(one.asset, one.partition): one for one in found}


def test_before_the_first_run_everything_would_be_made_and_no_home_is(
    tiny: TinyStudy, tmp_path: Path
) -> None:
    home = Home(tmp_path / "home")
    found = pending(tiny.load(), home)
    assert {one.reason for one in found.values()} == {"never made"}
    answer = dry_run(tiny.load(), Selection(), 2, "cpu")
    assert answer.title == f"A run of {NAME} would make {len(found)} of {len(found)} artifacts"
    assert "Unknown: the time of" in answer.sentences[-1]
    assert not home.root.exists()


def test_what_is_not_selected_and_not_there_is_named(tiny: TinyStudy, tmp_path: Path) -> None:
    found = pending(tiny.load(), Home(tmp_path / "home"), first="evaluation", last="evaluation")
    assert found["evaluation", "aligned|0"].reason == (
        "never made; cannot be before pretrained_checkpoint[aligned|0], which is not selected"
    )
    with pytest.raises(AlignmentError, match=r"--recipe other: unknown"):
        dry_run(tiny.load(), Selection(recipes=("other",)), 2, "cpu")


@pytest.mark.slow
def test_a_run_would_make_what_changed_and_what_follows_and_nothing_is_written(
    audited: Audited, refreshed: Audited, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = audited.copy(tmp_path / "copy")
    for name, value in made.environment.items():
        monkeypatch.setenv(name, value)
    before = files(made.home.root)
    study = made.study.load()
    assert {one.reason for one in pending(study, made.home).values()} == {"up to date"}
    made.study.treat_aligned(0.4)
    study = made.study.load()
    found = pending(study, made.home)
    answer = dry_run(study, Selection(), 2, "cpu")
    assert files(made.home.root) == before
    why = {key: one.reason for key, one in found.items() if not one.is_current}
    assert "share" in why["curated_mix", "aligned"]
    assert why["pretrained_checkpoint", "aligned|0"].startswith("follows curated_mix")
    assert why["eval_report", None].endswith("attacks") or "follows" in why["eval_report", None]
    assert ("raw_corpus", "stories") not in why
    assert "unknown" not in " ".join(answer.sentences).lower()
    done = made.command("run", NAME, "--dry-run")
    assert done.returncode == 0, done.stderr
    assert f"would make {len(why)} of {len(found)}" in done.stdout
    assert files(made.home.root) == before
    # What it says is what a run does: that of the session after the same change of the same study.
    assert refreshed.study.load() == study.model_copy(update={"assets": refreshed.study.assets})
    ran = (refreshed.folder / RUN_OUTPUT).read_text()
    remade = {line.split("@")[0].split()[-1] for line in ran.splitlines() if "✓" in line}
    assert remade
    assert remade <= {f"{asset}[{part}]" if part else asset for asset, part in why}


def test_partitions_of_one_recipe_are_named_together() -> None:
    assert partition_words(["a|0", "a|1", "b|0"]) == "a|0,1, b|0"
    assert partition_words([None]) == ""
    assert partition_words(["stories", "chat"]) == "stories, chat"
