"""The studies of a folder, with everything that they name."""

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from operator import gt, lt
from pathlib import Path

import pyarrow as pa

from alignment_dagster.evaluation.suites.formats import find_faults
from alignment_dagster.foundation.declaration_mistakes import suggest_name
from alignment_dagster.foundation.errors import DeclarationError
from alignment_dagster.foundation.home import assets_folder
from alignment_dagster.foundation.yaml_models import FieldPath, Located, Model, read_yaml, shown
from alignment_dagster.preflight.answer_reward import check_reward
from alignment_dagster.preflight.canaries import check_canaries
from alignment_dagster.preflight.consistency import check_measurement, check_refresh
from alignment_dagster.preflight.guards import check_guard
from alignment_dagster.preflight.models import check_start
from alignment_dagster.preflight.own_sources import check_own_sources
from alignment_dagster.preflight.sources import check_sources
from alignment_dagster.preflight.treatments import check_treatments
from alignment_dagster.preflight.trunks import check_trunks
from alignment_dagster.scoring import SCORERS, find_scorer
from alignment_dagster.scoring.classifiers.trained import columns as classifier_columns
from alignment_dagster.scoring.scorer import NUMBERS
from alignment_dagster.study import (
    Classifier,
    DropRule,
    Recipe,
    Source,
    Study,
    StudyDeclaration,
    Suite,
)
from alignment_dagster.study.conditions import METADATA, Condition
from alignment_dagster.study.files import study_files
from alignment_dagster.study.smoke import SUFFIX, is_smoke, smoke_run
from alignment_dagster.training.objectives import OBJECTIVES, OF_RECIPES

BUILT_IN_SCORERS = ("text_stats", "fingerprint", "ai_discourse", "contamination")
"""The warehouse's own rules (duplicates, leaked items, the filter's quality) read these."""


def study_names(assets: Path) -> tuple[str, ...]:
    """The studies declared under `assets/studies/`, sorted."""
    return tuple(study_files(assets))


def is_declared(name: str, assets: Path) -> bool:
    """Whether this is a declared study, or the smoke run of one."""
    return name.removesuffix(SUFFIX) in study_names(assets)


def load_study(name: str, assets: Path) -> Study:
    """Read a study and all that it names, and check that the names fit together.

    `NAME_smoke` is the smoke run of the declared study `NAME`.

    Raises:
        DeclarationError: names file, line and field.
    """
    if is_smoke(name) and is_declared(name, assets):
        return smoke_run(load_study(name.removesuffix(SUFFIX), assets))
    known = study_files(assets)
    if name not in known:
        path = assets / "studies" / f"{name}.yaml"
        raise DeclarationError(
            f"{shown(path)}: there is no study {name!r}{suggest_name(name, tuple(known))}"
        )
    located = read_yaml(known[name])
    declaration = located.parse_named(StudyDeclaration)
    study = Study(
        declaration=declaration,
        sources=_read_all(located, assets / "sources", declaration.sources, Source),
        recipes=_read_all(located, assets / "recipes", declaration.recipes, Recipe),
        suites=_read_all(located, assets / "suites", declaration.suites, Suite),
        classifiers=_read_all(located, assets / "classifiers", declaration.classifiers, Classifier),
        assets=assets,
    )
    _check(study, located)
    return study


def load_studies(assets: Path) -> tuple[Study, ...]:
    """Every declared study."""
    return tuple(load_study(name, assets) for name in study_names(assets))


def _read_all(
    study: Located, folder: Path, names: Iterable[str], model: type[Model]
) -> tuple[Model, ...]:
    found = []
    for index, name in enumerate(names):
        path = folder / f"{name}.yaml"
        if not path.exists():
            known = sorted(item.stem for item in folder.glob("*.yaml"))
            message = f"there is no {shown(path)}{suggest_name(name, known)}"
            raise study.error((folder.name, index), message)
        found.append(read_yaml(path).parse_named(model))
    return tuple(found)


def _check(study: Study, located: Located) -> None:
    declared = study.declaration
    if is_smoke(declared.name):
        raise located.error(("name",), f"the names that end in {SUFFIX!r} are those of smoke runs")
    for index, name in enumerate(declared.scorers):
        try:
            find_scorer(name, study.assets)
        except KeyError:
            message = f"unknown scorer {name!r}{suggest_name(name, SCORERS)}"
            raise located.error(("scorers", index), message) from None
        except DeclarationError as error:
            raise located.error(("scorers", index), f"{name}: {error}") from None
    for name in BUILT_IN_SCORERS:
        if name not in declared.scorers:
            raise located.error(("scorers",), f"the warehouse needs the scorer {name!r}")
    objective = declared.pretraining.objective
    if objective not in OBJECTIVES:
        message = f"unknown objective {objective!r}{suggest_name(objective, OBJECTIVES)}"
        raise located.error(("pretraining", "objective"), message)
    if objective in OF_RECIPES:
        message = f"{objective!r} is declared by recipes, as `objective: {{kind: {objective}, …}}`"
        raise located.error(("pretraining", "objective"), message)
    check_start(study, located)
    for role in ("corpus", "chat", "preferences"):
        if not study.with_role(role):
            raise located.error(("sources",), f"none of them has the role {role!r}")
    check_sources(study)
    for classifier in study.classifiers:
        _check_classifier(classifier, study)
    _check_rules(declared.drop, study, located)
    for recipe in study.recipes:
        _check_recipe(recipe, study)
    check_reward(study, located, lambda one, at: _check_condition(one, study, at, located))
    check_trunks(study)
    check_guard(study)
    near = declared.near_duplicates
    for index, one in enumerate(near.earlier if near else ()):
        if one.source not in declared.sources:
            suggestion = suggest_name(one.source, declared.sources)
            message = f"study {study.name!r} has no source {one.source!r}{suggestion}"
            raise located.error(("near_duplicates", "earlier", index, "source"), message)
    for suite in study.suites:
        _check_suite(suite, study)
    check_canaries(study, located)
    check_measurement(study, located)
    check_refresh(study, located)


def _check_classifier(classifier: Classifier, study: Study) -> None:
    located = read_yaml(study.assets / "classifiers" / f"{classifier.name}.yaml")
    sources, scorers = study.declaration.sources, study.declaration.scorers
    for index, name in enumerate(classifier.source_names):
        if name not in sources:
            message = f"study {study.name!r} has no source {name!r}{suggest_name(name, sources)}"
            raise located.error(("sources", index, "source"), message)
    if (beside := classifier.beside) is None:
        return
    if beside.scorer not in scorers:
        suggestion = suggest_name(beside.scorer, scorers)
        message = f"study {study.name!r} has no scorer {beside.scorer!r}{suggestion}"
        raise located.error(("beside", "scorer"), message)
    columns = SCORERS[beside.scorer].columns
    if columns.get(beside.column) not in NUMBERS:
        known = [name for name, kind in columns.items() if kind in NUMBERS]
        message = f"{beside.scorer} has no number {beside.column!r}"
        raise located.error(("beside", "column"), message + suggest_name(beside.column, known))


def _check_recipe(recipe: Recipe, study: Study) -> None:
    located = read_yaml(study.assets / "recipes" / f"{recipe.name}.yaml")
    fields: Mapping[FieldPath, str] = {
        ("remainder",): recipe.remainder,
        **{("upsample", i, "group"): item.group for i, item in enumerate(recipe.upsample)},
    }
    for field, group in fields.items():
        _check_group(group, field, study, located)
    _check_rules(recipe.drop, study, located)
    if recipe.redact is not None and recipe.redact.scorer not in study.declaration.scorers:
        message = f"study {study.name!r} does not name the scorer {recipe.redact.scorer!r}"
        raise located.error(("redact", "scorer"), message)
    check_own_sources(recipe, study, located)
    check_treatments(
        recipe, study, located, lambda one, at: _check_condition(one, study, at, located)
    )


def _check_rules(rules: Iterable[DropRule], study: Study, located: Located) -> None:
    for index, rule in enumerate(rules):
        field: FieldPath = ("drop", index)
        _check_condition(rule, study, field, located)
        for position, group in enumerate(rule.groups or ()):
            _check_group(group, (*field, "groups", position), study, located)


def _check_condition(
    condition: Condition, study: Study, field: FieldPath, located: Located
) -> None:
    """Each comparison is of a column that there is, with what it holds."""
    for name in ("any", "all", "none"):
        for index, part in enumerate(getattr(condition, name) or ()):
            _check_condition(part, study, (*field, name, index), located)
    scorer, column = condition.scorer, condition.column
    if scorer is None or column is None:
        return
    if scorer == METADATA:
        kept = sorted({name for source in study.sources for name in source.metadata_columns})
        if column not in kept:
            message = f"no source of study {study.name!r} keeps the column {column!r}"
            raise located.error((*field, "column"), message + suggest_name(column, kept))
        return
    if scorer not in study.scorers:
        suggestion = suggest_name(scorer, study.scorers)
        message = f"study {study.name!r} has no scorer {scorer!r}{suggestion}"
        raise located.error((*field, "scorer"), message)
    trained = {one.scorer: one for one in study.classifiers}
    columns = (
        classifier_columns(trained[scorer])
        if scorer in trained
        else find_scorer(scorer, study.assets).columns
    )
    if column not in columns:
        message = f"{scorer} has no column {column!r}{suggest_name(column, columns)}"
        raise located.error((*field, "column"), message)
    _check_bound(condition, columns[column], field, located)


def _check_bound(rule: Condition, column: pa.DataType, field: FieldPath, located: Located) -> None:
    """Refuse a bound that holds of no document, or of every one, whatever they are."""
    if rule.one_of is not None:
        if column != pa.string():
            message = f"{rule.column!r} of {rule.scorer} holds {column}, which is no text"
            raise located.error((*field, "column"), message)
        return
    if column not in NUMBERS:
        message = f"{rule.column!r} of {rule.scorer} holds {column}, which no number bounds"
        raise located.error((*field, "column"), message)
    bound, is_beyond = ("below", lt) if rule.above is None else ("above", gt)
    meeting = [value for value in (0, 1) if is_beyond(value, getattr(rule, bound))]
    if column == pa.bool_() and len(meeting) != 1:
        message = f"holds of {'every' if meeting else 'no'} document: {rule.column!r} is 0 or 1"
        raise located.error((*field, bound), message)


def _check_group(group: str, field: FieldPath, study: Study, located: Located) -> None:
    if group not in study.groups():
        known = sorted(study.groups())
        message = (
            f"no source of study {study.name!r} has the group {group!r}{suggest_name(group, known)}"
        )
        raise located.error(field, message)


def _check_suite(suite: Suite, study: Study) -> None:
    located = read_yaml(study.assets / "suites" / f"{suite.name}.yaml")
    for fault in find_faults(suite):
        message = fault.message + suggest_name(fault.name, fault.known)
        raise located.error((fault.field, fault.index), message)


def find_unused(studies: Sequence[Study], assets: Path) -> tuple[str, ...]:
    """Declarations that none of the studies names."""
    used: dict[str, set[str]] = {
        "sources": {source.name for study in studies for source in study.sources},
        "classifiers": {one.name for study in studies for one in study.classifiers},
        "recipes": {recipe.name for study in studies for recipe in study.recipes},
        "suites": {suite.name for study in studies for suite in study.suites},
    }
    return tuple(
        shown(path)
        for kind, names in used.items()
        for path in sorted((assets / kind).glob("*.yaml"))
        if path.stem not in names
    )


@cache
def declared_studies() -> tuple[Study, ...]:
    """Every declared study; read once for each load of the code location."""
    return load_studies(assets_folder())
