"""Whether a guard that looks for jumps ever has steps enough to tell one by."""

from alignment_dagster.foundation.yaml_models import read_yaml
from alignment_dagster.study import Study
from alignment_dagster.study.smoke import study_file


def check_guard(study: Study) -> None:
    """Refuse a guard that can never act in one of the recipes' trainings.

    Raises:
        DeclarationError: names file, line and field, and the recipe.
    """
    pretraining = study.declaration.pretraining
    guard = pretraining.guard
    if guard is None or guard.spike is None:
        return
    for recipe in study.recipes:
        mix = study.mix(recipe.name)
        # Whoever branches has a window of its own; a trunk's own model goes on with the trunk's.
        steps = -(-(mix.tokens // mix.sequence_length) // pretraining.sequences_a_step)
        if guard.window // 2 >= steps:
            message = (
                f"looks for jumps after {guard.window // 2} steps, and the recipe {recipe.name!r} "
                f"has {steps} of its own: it never acts"
            )
            at = ("pretraining", "guard", "window")
            raise read_yaml(study_file(study)).error(at, message)
