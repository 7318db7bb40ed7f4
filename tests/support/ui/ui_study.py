"""A tiny study with hostile documents, made up to its mixes, for the walk through the pages."""

from pathlib import Path

import yaml

from tests.support import tiny_study
from tests.support.audited_study import Audited
from tests.support.tiny_study import NAME
from tests.support.ui import hostile

TRAINED = "aligned"
"""The recipe that is trained by clicking."""
LONG = {"layers": 8, "width": 256, "heads": 8, "mlp_width": 1024}
"""A model that takes long enough to train for somebody to stop it."""

DESCRIPTION = f"A study {hostile.SHORT} for tests."
TOO_LONG = {"rule": "too_long", "scorer": "text_stats", "column": "words", "above": 5000}
"""The endless line would be the whole mix."""


def make(folder: Path) -> Audited:
    """The study, run from its sources to its mixes."""
    study = tiny_study.create(folder)
    rules = [*tiny_study.STUDY["drop"], TOO_LONG]
    study.change(seeds=[0], drop=rules, description=DESCRIPTION)
    hostile.plant(study)
    made = Audited(folder)
    done = made.command("run", NAME, "--to", "curated_mix")
    assert done.returncode == 0, done.stderr
    return made


def add_recipe(made: Audited, name: str) -> None:
    """What a person does in an editor: a recipe file, and its name in the study."""
    recipe = tiny_study.RECIPES["filtered"]
    made.study.write(f"recipes/{name}", {"name": name, "description": "d", **recipe})
    known = yaml.safe_load((made.study.assets / "studies" / f"{NAME}.yaml").read_text())
    made.study.change(recipes=[*known["recipes"], name])


def train_longer(made: Audited) -> None:
    """Declare a bigger model, saved after every step."""
    training = {"batch_size": 1, "learning_rate": 0.001, "checkpoint_every": 1}
    made.study.change(model=LONG, pretraining=training)
