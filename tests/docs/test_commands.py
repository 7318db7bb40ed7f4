"""Every `alignment …` that the README and the pages show is a command that works."""

import shlex
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from alignment_dagster.chain import EVAL_REPORT
from alignment_dagster.cli.main import app
from tests.docs.documents import PAGES, alignment_commands
from tests.support.audited_study import Audited
from tests.support.checkout import CHECKOUT
from tests.support.tiny_study import NAME

COMMANDS = sorted({one for page in PAGES for one in alignment_commands(page)})
PROVED_ELSEWHERE = {
    "init": "tests/package/test_wheel.py",
    "new": "tests/cli/test_project.py",
    "doctor": "tests/preflight",
    "run": "tests/test_chain.py",
    "ui": "tests/cli/test_ui.py",
    "notify": "tests/refresh/notify",
    "synthetic answers": "tests/cli/test_synthetic_requests.py",
    "synthetic label": "tests/cli/test_synthetic.py",
    "synthetic requests": "tests/cli/test_synthetic_requests.py",
    "budget": "tests/refresh",
    "audit acknowledge": "tests/audit/check/test_gone_runs.py",
    "audit sql": "tests/audit/test_sql_session.py",
    "audit verify": "tests/release/dossier",
}
"""They start servers, ask at a terminal, train, or need what another command made before."""
STUDIES = ("STUDY", "first_study", "quickstart", "nightly")


def _subcommand(command: str) -> str:
    words = shlex.split(command)[1:]
    return " ".join(words[: 2 if words[0] in ("audit", "corpus", "lake", "synthetic") else 1])


def test_every_page_that_shows_commands_was_read() -> None:
    assert len(COMMANDS) > 30
    assert all((CHECKOUT / place).exists() for place in PROVED_ELSEWHERE.values())


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_is_spelt_as_the_console_script_knows_it(command: str) -> None:
    told = CliRunner().invoke(app, [*shlex.split(command)[1:], "--help"])
    assert told.exit_code == 0, told.output


@pytest.mark.slow
def test_what_reads_or_decides_works_on_a_study(refreshed: Audited, tmp_path: Path) -> None:
    made = refreshed.copy(tmp_path / "copy")
    shutil.copytree(made.lake, made.home.lake / "other")
    # Lines are signed with the name of their study, which a copied folder has not.
    told = made.command("audit", "head")
    assert (told.returncode, told.stdout.split()[0]) == (2, NAME)
    assert made.command("audit", "acknowledge", "other", "--note", "a copy").returncode == 0
    heads = dict(line.split() for line in made.command("audit", "head").stdout.splitlines())
    named = {
        "214:9f0c…": heads[NAME],
        **dict.fromkeys(STUDIES, NAME),
        **dict.fromkeys(("OTHER", "durability"), "other"),
        "claim:benefit_survives_post_training": "claim:aligned_is_lower",
        **dict.fromkeys(
            ("articles/dpo/alignment_upsampled", "articles/dpo/unfiltered"), "articles/dpo/aligned"
        ),
        "ada": "NAME",
        "First night": "why",
        **dict.fromkeys(
            ("source:NAME", "source:ai_discourse", "source:my_stories"), "source:ai_news"
        ),
        # Nothing is written in this study: see tests/audit/test_written_study.py.
        **dict.fromkeys(("prompt:news_article", "model:NAME"), "source:ai_news"),
        "ai_discourse": "ai_news",
        "stories.jsonl:17": "stories.jsonl:3",
        "filtered": "aligned",
        "bbec679f": made.archive.report().version[:8],
        **dict.fromkeys(("VERSION", "cc83457521ea4393"), made.archive.report().version),
        "dossier.zip": str(tmp_path / "dossier.zip"),
        "FOLDER": str(tmp_path / "cards"),
        "1:50": "1:4",
    }
    asked = {
        tuple(named.get(one, one) for one in shlex.split(command)[1:]): command
        for command in COMMANDS
        if _subcommand(command) not in PROVED_ELSEWHERE
    }
    for arguments, command in asked.items():
        (tmp_path / "dossier.zip").unlink(missing_ok=True)
        done = made.command(*arguments)
        assert done.returncode == 0, f"{command}: {done.stderr}"
    assert made.archive.report().asset == EVAL_REPORT
