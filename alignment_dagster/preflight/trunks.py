"""Whether recipes branch from what can be branched from, with file, line and field."""

from pydantic import ValidationError

from alignment_dagster.foundation.declaration_mistakes import suggest_name
from alignment_dagster.foundation.yaml_models import Located, read_yaml
from alignment_dagster.study import Recipe, Study, Trunk


def check_trunks(study: Study) -> None:
    """Refuse a trunk that cannot be gone on from.

    Raises:
        DeclarationError: names file, line and field.
    """
    for recipe in study.recipes:
        if recipe.trunk is not None:
            located = read_yaml(study.assets / "recipes" / f"{recipe.name}.yaml")
            _check_trunk(recipe, recipe.trunk, study, located)


def _check_trunk(recipe: Recipe, trunk: Trunk, study: Study, located: Located) -> None:
    at, others = ("trunk", "recipe"), list(study.declaration.recipes)
    others.remove(recipe.name)
    if trunk.recipe not in others:
        message = f"study {study.name!r} has no other recipe {trunk.recipe!r}"
        raise located.error(at, message + suggest_name(trunk.recipe, others))
    if (before := study.recipe(trunk.recipe).trunk) is not None:
        message = f"{trunk.recipe!r} has a trunk itself: branch from {before.recipe!r}"
        raise located.error(at, message)
    steps, every = round(trunk.share * study.pretraining_steps), study.pretraining_steps
    if not 0 < steps < every:
        left = "its own mix" if steps else "its trunk"
        message = f"leaves no step to {left}: the study {study.name!r} has {every} steps"
        raise located.error(("trunk", "share"), message)
    for one in (recipe, study.recipe(trunk.recipe)):
        if one.replacement == "nothing":
            message = (
                f"{one.name!r} has `replacement: nothing`: its mix is shorter than the study "
                "declares, and the steps of trunk and branches would not add up"
            )
            raise located.error(at, message)
    _check_stage(recipe, study, located)
    refresh = study.declaration.refresh
    if refresh is not None and refresh.training.when != "never":
        message = f"the study {study.name!r} trains by itself (refresh.training), without trunks"
        raise located.error(("trunk",), message)


def _check_stage(recipe: Recipe, study: Study, located: Located) -> None:
    """Its schedule and its sequences, with what the study declares."""
    own = "with what the study declares, "
    try:
        a_step = study.pretraining(recipe.name).sequences_a_step
    except ValidationError as error:
        message = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise located.error(("trunk", "schedule"), own + message) from None
    except ValueError as error:
        raise located.error(("trunk", "sequence_length"), own + str(error)) from None
    mix = study.mix(recipe.name)
    before, steps = study.trunk_steps(recipe.name), -(-mix.tokens // mix.sequence_length // a_step)
    tokens = before * mix.sequence_length * a_step + mix.tokens
    if before + steps != study.pretraining_steps or tokens > study.declaration.mix.tokens:
        message = f"{own}its last step has fewer tokens than such a sequence"
        raise located.error(("trunk", "sequence_length"), message)
