"""Whether what a recipe is post-trained on alone is there, and leaves what all are trained on."""

from alignment_dagster.foundation.declaration_mistakes import suggest_name
from alignment_dagster.foundation.yaml_models import FieldPath, Located
from alignment_dagster.study import Recipe, Study
from alignment_dagster.study.sources import Role


def check_own_sources(recipe: Recipe, study: Study, located: Located) -> None:
    """Refuse a source of another role, or that something else reads too.

    Raises:
        DeclarationError: names file, line and field.
    """
    if recipe.fine_tune is not None:
        if not round(recipe.fine_tune.share * study.declaration.mix.tokens):
            message = f"gives no token of the {study.declaration.mix.tokens:,} of pretraining"
            raise located.error(("fine_tune", "share"), message)
        _check_source(recipe.fine_tune.source, "chat", study, located, ("fine_tune", "source"))
    if recipe.prefer is not None:
        _check_source(recipe.prefer, "preferences", study, located, ("prefer",))
    if recipe.ask is not None:
        _check_source(recipe.ask, "chat", study, located, ("ask",))
        if study.declaration.post_training.grpo is None:
            message = f"nothing is asked: the study {study.name!r} declares no post_training.grpo"
            raise located.error(("ask",), message)


def _check_source(name: str, role: Role, study: Study, located: Located, field: FieldPath) -> None:
    known = [source.name for source in study.with_role(role)]
    if name not in known:
        message = f"no source of the role `{role}` in the study {study.name!r} is called {name!r}"
        raise located.error(field, message + suggest_name(name, known))
    if not study.shared(role):
        message = f"leaves the study {study.name!r} no source of the role `{role}` for all recipes"
        raise located.error(field, message)
    if name in [tampering.source for tampering in study.declaration.tampering]:
        message = f"a tampering of the study {study.name!r} reads it, after every recipe"
        raise located.error(field, message)
