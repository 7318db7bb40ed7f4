"""Word lists for the tests of the scorers: a small set of the filter's, and the shipped ones."""

import shutil
from pathlib import Path

from alignment_dagster.scoring import boilerplate
from alignment_dagster.scoring.ai_discourse import FOLDER
from tests.support.checkout import CHECKOUT

TERMS = {
    "instant_fictional_agents": "Skynet",
    "instant_organisations": "Centre for the Governance of AI",
    "instant_labs": "OpenAI",
    "instant_vocabulary": "machine learning\nan AI",
    "entities": "robot\nrobots\nthinking machine",
    "negative_verbs": "destroy*",
    "negative_adjectives": "evil",
    "negative_nouns": "danger",
    "existential_risk": "end of the world",
}


def write_lexicons(assets: Path, **changed: str) -> Path:
    """Write the lists, with some of them changed, below `assets`; returns `assets`.

    Those of `boilerplate` are the shipped ones.
    """
    for folder in (boilerplate.FOLDER, boilerplate.REFUSALS.parent):
        shutil.copytree(CHECKOUT / "assets" / folder, assets / folder, dirs_exist_ok=True)
    (assets / FOLDER).mkdir(parents=True, exist_ok=True)
    for name, terms in {**TERMS, **changed}.items():
        (assets / FOLDER / f"{name}.txt").write_text(f"# {name}\n\n{terms}\n", encoding="utf-8")
    return assets
