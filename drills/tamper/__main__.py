"""The tamper matrix: every alteration, what finds it, and whether other tools would.

`python -m drills.tamper` (twenty minutes; writes docs/tamper.md)

It runs a small study twice, with an edit between, so that every artifact has an older version. One
source has more than 10,000 documents: MLflow's digest of a table reads its first 10,000 rows. Each
alteration is applied to a copy, looked for, and undone. DVC is installed into an environment of its
own under the working folder.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import yaml

PROJECT = Path(__file__).resolve().parents[2]
os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"

from drills.tamper import CELLS, Cell, Place, naming, wrong_with  # noqa: E402
from drills.tamper.other_tools import Dvc, MlflowDigest, PathAndSize, Tool  # noqa: E402
from drills.tamper.page import write_page  # noqa: E402
from tests.support import tiny_study  # noqa: E402
from tests.support.tiny_study import MEASURED, NAME, TinyStudy  # noqa: E402

ALIGNMENT = Path(sys.executable).parent / "alignment"
STORIES = 10_500
ELSEWHERE = ("bundle",)
"""Groups that the other tools have nothing to do with."""
EVERYTHING = "insider"
"""Whose alterations re-write the databases too, also what a tool recorded there."""


@dataclass(frozen=True)
class Outcome:
    """What came of one cell."""

    cell: Cell
    wrong: str | None
    told: str
    """The finding that names it."""
    caught: dict[str, bool]
    """Tool → whether it would have noticed; empty where it has nothing to do with it."""


def main() -> None:
    """Run every cell, print what is wrong, and write the page."""
    arguments = _arguments()
    work = Path(arguments.folder or tempfile.mkdtemp(prefix="tamper-"))
    started = time.monotonic()
    dvc = Dvc(work / "dvc")
    sound = _study(work / "sound", dvc)
    place = Place(sound, work / "altered", NAME)
    for name in ("assets", "data", "home"):
        os.environ[f"ALIGNMENT_{name.upper()}"] = str(place.folder / name)
    place.restore()
    tools: tuple[Tool, ...] = (MlflowDigest(), dvc, PathAndSize())
    for tool in tools:
        tool.record(place.folder)
        if tool.differs(place.folder):
            raise RuntimeError(f"{tool.name} calls an untouched folder another one")
    cells = [cell for cell in CELLS if arguments.only in f"{cell.group} {cell.name}"]
    outcomes = [_outcome(cell, place, tools) for cell in cells]
    wrong = [one for one in outcomes if one.wrong]
    seconds = time.monotonic() - started
    print(f"{len(outcomes)} alterations, {len(wrong)} not as expected, {seconds:.0f} s")
    if not arguments.only:
        write_page(PROJECT / "docs" / "tamper.md", outcomes, [tool.name for tool in tools])
    sys.exit(bool(wrong))


def _study(folder: Path, dvc: Dvc) -> Path:
    """The tiny study, run, edited and run again; tracked by DVC."""
    if (folder / ".dvc").exists():
        return folder
    study = tiny_study.create(folder)
    study.change(**MEASURED)
    study.treat_aligned()
    _fill(study)
    recipe = study.assets / "recipes" / "aligned.yaml"
    declared = recipe.read_text()
    recipe.write_text(declared.replace("share: 0.2", "share: 0.3"))
    _run(folder)
    stories = study.data / "stories.jsonl"
    stories.write_text(
        stories.read_text() + json.dumps({"text": "A late story of a clock."}) + "\n"
    )
    recipe.write_text(declared)
    _run(folder)
    dvc.add(folder)
    return folder


def _fill(study: TinyStudy) -> None:
    """Many stories, with metadata, some that repeat, and some that cannot be used."""
    draw = random.Random(1)
    people, places = tiny_study.PEOPLE, tiny_study.PLACES
    rows = []
    for number in range(STORIES):
        pair = f"{draw.choice(people)} met {draw.choice(people)}"
        rows.append({"text": f"{pair} at the {draw.choice(places)} {number}.", "number": number})
    rows += [*rows[:2], {"text": ""}, {"text": " "}]
    with (study.data / "stories.jsonl").open("a") as stories:
        stories.writelines(json.dumps(row) + "\n" for row in rows)
    path = study.assets / "sources" / "stories.yaml"
    declared = yaml.safe_load(path.read_text())
    declared["reader"]["metadata"] = ["number"]
    study.write("sources/stories", {**declared, "max_quarantined_share": 0.001})


def _run(folder: Path) -> None:
    places = {
        f"ALIGNMENT_{name.upper()}": str(folder / name) for name in ("assets", "data", "home")
    }
    subprocess.run([str(ALIGNMENT), "run", NAME], env={**os.environ, **places}, check=True)


def _outcome(cell: Cell, place: Place, tools: tuple[Tool, ...]) -> Outcome:
    try:
        names = cell.alter(place)
        found = cell.look(place)
        wrong = wrong_with(cell, names, found)
        told = naming(names, found.changes if cell.found == "change" else found.gaps) or ""
        caught = {} if cell.group in ELSEWHERE else _caught(cell, place, tools)
    except Exception as error:
        wrong, told, caught = f"cannot be done: {error!r}", "", {}
    finally:
        place.restore()
    if wrong:
        print(f"{cell.group}: {cell.name}: {wrong}", flush=True)
    return Outcome(cell, wrong, told.replace(str(place.folder), "…"), caught)


def _caught(cell: Cell, place: Place, tools: tuple[Tool, ...]) -> dict[str, bool]:
    """Whoever re-writes the records in the lake re-writes what a tool recorded there too."""
    caught = {}
    for tool in tools:
        rewritten = cell.rewrites and (tool.beside or cell.group == EVERYTHING)
        caught[tool.name] = not rewritten and tool.differs(place.folder)
    return caught


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", help="where the study lies; a temporary folder without it")
    parser.add_argument("--only", default="", help="only cells whose name holds this; no page")
    return parser.parse_args()


if __name__ == "__main__":
    main()
