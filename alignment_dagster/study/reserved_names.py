"""Names that already mean something where the declared ones stand: refused before anything runs."""

from collections.abc import Callable, Mapping
from typing import Annotated

from pydantic import AfterValidator

from alignment_dagster.study.fields import Name

WHOLE = "is the folder of what has no parts"
OF_HELD_OUT = "stands for the held-out documents of all sources"
SOURCES = {"all": WHOLE, "held_out": OF_HELD_OUT}
CLASSIFIERS = {"all": WHOLE}
RECIPES = {
    "all": WHOLE,
    "current": "stands for what every recipe decides now, where versions are compared",
    "previous": "stands for what every recipe decided before, where versions are compared",
}
SUITES = {"held_out": OF_HELD_OUT}
STAGES = {name: "is the name of another stage" for name in ("base", "pretraining", "trunk")}


def _free(reserved: Mapping[str, str]) -> Callable[[str], str]:
    def check(name: str) -> str:
        if name in reserved:
            raise ValueError(f"{reserved[name]}: choose another name")
        return name

    return check


SourceName = Annotated[Name, AfterValidator(_free(SOURCES))]
ClassifierName = Annotated[Name, AfterValidator(_free(CLASSIFIERS))]
RecipeName = Annotated[Name, AfterValidator(_free(RECIPES))]
SuiteName = Annotated[Name, AfterValidator(_free(SUITES))]
StageName = Annotated[Name, AfterValidator(_free(STAGES))]
"""Of a tampering; those of post-training are refused where the study is checked."""
