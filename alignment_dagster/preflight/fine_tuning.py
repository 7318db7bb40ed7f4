"""Whether what a recipe is fine-tuned on alone is there, and leaves what all are fine-tuned on."""

from alignment_dagster.foundation.declaration_mistakes import suggest_name
from alignment_dagster.foundation.yaml_models import Located
from alignment_dagster.study import Recipe, Study


def check_fine_tuning(recipe: Recipe, study: Study, located: Located) -> None:
    """Refuse a source that is no conversations, or that something else reads too.

    Raises:
        DeclarationError: names file, line and field.
    """
    if recipe.fine_tune is None:
        return
    name, field = recipe.fine_tune.source, ("fine_tune", "source")
    known = [source.name for source in study.with_role("chat")]
    if name not in known:
        message = f"no source of the role `chat` in the study {study.name!r} is called {name!r}"
        raise located.error(field, message + suggest_name(name, known))
    if not round(recipe.fine_tune.share * study.declaration.mix.tokens):
        message = f"gives no token of the {study.declaration.mix.tokens:,} of pretraining"
        raise located.error(("fine_tune", "share"), message)
    if not study.shared_chat:
        message = f"leaves the study {study.name!r} no source of the role `chat` for all recipes"
        raise located.error(field, message)
    if name in [tampering.source for tampering in study.declaration.tampering]:
        message = f"a tampering of the study {study.name!r} reads it, after every recipe"
        raise located.error(field, message)
