"""Edits of what is declared, after the run: no gap, and named as a change."""

from collections.abc import Callable, Iterator
from functools import partial

import yaml

from drills.tamper.cell import Cell, Names
from drills.tamper.files import flip_bit
from drills.tamper.place import Place

GROUP = "declarations"


def _study(field: str, value: object, place: Place) -> Names:
    path = place.folder / "assets" / "studies" / f"{place.study}.yaml"
    content = yaml.safe_load(path.read_text())
    content[field] = {**content[field], **value} if isinstance(value, dict) else value
    path.write_text(yaml.safe_dump(content, sort_keys=False))
    return (("|2",),) if field == "seeds" else ((field,),)


def _text(name: str, old: str, new: str, names: Names, place: Place) -> Names:
    """Replace words in a file of `assets/` or `data/`."""
    path = place.folder / name
    text = path.read_text()
    if old not in text:
        raise LookupError(f"{name} does not hold {old!r}")
    path.write_text(text.replace(old, new, 1))
    return names


def _word(place: Place) -> Names:
    """A word is added to the filter's list."""
    path = next((place.folder / "assets" / "lexicons" / "ai_discourse").glob("*.txt"))
    path.write_text(path.read_text() + "harbour\n")
    return (("ai_discourse",),)


def _warehouse(place: Place) -> Names:
    flip_bit(place.home.warehouse)
    return (("warehouse",),)


RULE = [{"rule": "too_short", "scorer": "text_stats", "column": "words", "below": 4}]
STUDY: dict[str, tuple[str, object]] = {
    "learning rate of the study edited": ("pretraining", {"learning_rate": 0.02}),
    "rule of the study edited": ("drop", RULE),
    "seed added to the study": ("seeds", [0, 1, 2]),
    "attacks of the study edited": ("attacks", {"items": 1}),
    "model of the study edited": ("model", {"width": 32}),
}
TEXTS: dict[str, tuple[str, str, str, Names]] = {
    "suite item edited": (
        "assets/suites/items/articles.jsonl",
        "It stops at once",
        "It halts at once",
        (("suite articles",),),
    ),
    "suite's declaration edited": (
        "assets/suites/articles.yaml",
        "- question_answer",
        "- question_answer\n- dialogue",
        (("articles",),),
    ),
    "source file edited": (
        "data/stories.jsonl",
        '{"text": "',
        '{"text": "Once ',
        (("source stories",),),
    ),
    "recipe edited": ("assets/recipes/aligned.yaml", "share: 0.2", "share: 0.3", (("share",),)),
}
WAREHOUSE = (
    "the warehouse is scratch space: dbt makes it anew, and nothing is read from it afterwards"
)


def _edits() -> Iterator[tuple[str, str, Callable[[Place], Names]]]:
    for mutation, (field, value) in STUDY.items():
        yield mutation, f"studies/tiny.yaml {field}", partial(_study, field, value)
    for mutation, (name, old, new, names) in TEXTS.items():
        yield mutation, name, partial(_text, name, old, new, names)
    yield "word added to the filter's list", "lexicons/ai_discourse", _word


def cells() -> Iterator[Cell]:
    """Studies, suites, sources, recipes, word lists."""
    for mutation, of, alter in _edits():
        yield Cell(GROUP, mutation, of, alter, found="change")
    yield Cell(GROUP, "bit flipped", "warehouse.duckdb", _warehouse, found="nowhere", why=WAREHOUSE)
