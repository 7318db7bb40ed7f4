"""What `alignment list` lists: each with its name, a few columns, and one line of description."""

from collections.abc import Callable, Iterator, Mapping

from alignment_dagster.foundation.errors import DeclarationError
from alignment_dagster.foundation.home import DATA_VARIABLE, assets_folder
from alignment_dagster.foundation.yaml_models import Model, read_yaml
from alignment_dagster.study import (
    ATTACK_METHODS,
    ITEM_READERS,
    READERS,
    Classifier,
    HubReader,
    Recipe,
    Source,
    StudyDeclaration,
    Suite,
)
from alignment_dagster.study.files import study_files

Entry = dict[str, str]
"""Column → text: `name` first, `description` last."""


def catalogue(kind: str) -> list[Entry]:
    """The entries of a kind (`studies`, `scorers`, …), each text on one line."""
    return [
        {name: " ".join(text.split()) for name, text in entry.items()} for entry in LISTS[kind]()
    ]


def _declared(
    folder: str, model: type[Model], columns: Callable[[Model], Entry]
) -> Callable[[], Iterator[Entry]]:
    """The files of a folder; one with a mistake is listed with it."""

    def entries() -> Iterator[Entry]:
        assets = assets_folder()
        own = sorted((assets / folder).glob("*.yaml"))
        for path in study_files(assets).values() if folder == "studies" else own:
            try:
                found = read_yaml(path).parse(model)
            except DeclarationError as error:
                yield {"name": path.stem, "description": f"cannot be used: {error}"}
            else:
                description = getattr(found, "description")  # noqa: B009
                yield {"name": path.stem, **columns(found), "description": description}

    return entries


def _needs(study: StudyDeclaration) -> str:
    """Where that lies which a study reads, and the project does not bring along."""
    places = [_place("sources", name, Source) for name in study.sources]
    places += [_place("suites", name, Suite) for name in study.suites]
    return ", ".join(dict.fromkeys(filter(None, places)))


def _place(folder: str, name: str, model: type[Source] | type[Suite]) -> str:
    try:
        found = read_yaml(assets_folder() / folder / f"{name}.yaml").parse(model)
    except DeclarationError:
        return ""
    reader = found.reader if isinstance(found, Source) else found.items
    if isinstance(reader, HubReader):
        return f"hub:{reader.dataset}"
    place = str(getattr(reader, "folder", "assets"))
    return {"assets": "", "data": DATA_VARIABLE}.get(place, place)


def _scorers() -> Iterator[Entry]:
    # Imported here for weight.
    import sys

    from alignment_dagster.scoring import SCORERS

    for name, scorer in SCORERS.items():
        words = _first_line(sys.modules[scorer.bind.__module__].__doc__ or "")
        words = words.removeprefix(f"`{name}`: ")
        columns = ", ".join(scorer.columns)
        yield {"name": name, "columns": columns, "description": words[:1].upper() + words[1:]}


def _readers() -> Iterator[Entry]:
    for name, text in READERS.items():
        yield {"name": name, "of": "sources", "description": _first_line(text)}
    for reader, text in ITEM_READERS.items():
        yield {"name": reader, "of": "items of suites", "description": text}


def _formats() -> Iterator[Entry]:
    from alignment_dagster.evaluation.suites.formats import FORMS  # for weight

    for name, form in FORMS.items():
        orders = "both orders" if form.lists_options else "one order"
        yield {"name": name, "asked in": orders, "description": form.description}


def _attacks() -> Iterator[Entry]:
    for name, text in ATTACK_METHODS.items():
        yield {"name": name, "description": text}


def _first_line(text: str) -> str:
    return text.strip().partition("\n")[0]


LISTS: Mapping[str, Callable[[], Iterator[Entry]]] = {
    "studies": _declared(
        "studies",
        StudyDeclaration,
        lambda one: {
            "recipes": str(len(one.recipes)),
            "seeds": str(len(one.seeds)),
            "needs": _needs(one),
        },
    ),
    "sources": _declared(
        "sources",
        Source,
        lambda one: {"role": one.role, "group": one.group, "reader": one.reader.kind},
    ),
    "classifiers": _declared(
        "classifiers",
        Classifier,
        lambda one: {
            "tells": " ".join(one.tells.labels),
            "sources": ", ".join(one.source_names),
            "model": one.model.kind,
        },
    ),
    "recipes": _declared(
        "recipes",
        Recipe,
        lambda one: {
            "remainder": one.remainder,
            "upsampled": ", ".join(f"{part.group} {part.share:.0%}" for part in one.upsample),
            "drops": ", ".join(rule.rule for rule in one.drop),
        },
    ),
    "suites": _declared(
        "suites", Suite, lambda one: {"kind": one.kind, "reader": one.items.reader}
    ),
    "scorers": _scorers,
    "readers": _readers,
    "formats": _formats,
    "attacks": _attacks,
}
