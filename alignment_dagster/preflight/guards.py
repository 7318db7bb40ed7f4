"""Whether a guard that looks for jumps ever has steps enough to tell one by."""

from alignment_dagster.foundation.yaml_models import read_yaml
from alignment_dagster.study import Study
from alignment_dagster.study.smoke import is_smoke, study_file


def check_guard(study: Study) -> None:
    """Refuse a guard that can act in no recipe's training; a smoke run may be too short for one.

    Raises:
        DeclarationError: names file, line and field.
    """
    pretraining = study.declaration.pretraining
    guard = pretraining.guard
    if guard is None or guard.spike is None or is_smoke(study.name):
        return
    # Whoever branches has a window of its own; a trunk's own model goes on with the trunk's.
    tokens = max(study.mix(recipe.name).tokens for recipe in study.recipes)
    steps = -(-tokens // (study.declaration.mix.sequence_length * pretraining.sequences_a_step))
    if guard.window // 2 >= steps:
        message = (
            f"looks for jumps after {guard.window // 2} steps, and no recipe has more than {steps} "
            "of its own: it never acts"
        )
        raise read_yaml(study_file(study)).error(("pretraining", "guard", "window"), message)
