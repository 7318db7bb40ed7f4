"""Whether the declared model, or the checkpoint that is gone on from, can be trained."""

from collections.abc import Iterator

from alignment_dagster.foundation.errors import AlignmentError
from alignment_dagster.foundation.home import DATA_VARIABLE, data_folder
from alignment_dagster.foundation.model_files import model_place
from alignment_dagster.foundation.yaml_models import Located, read_yaml
from alignment_dagster.mixing.base import check_base, find_taken, is_byte_level
from alignment_dagster.study import Base, Study
from alignment_dagster.training.architectures import TESTED, find_problem


def check_start(study: Study, located: Located) -> None:
    """Refuse a study that begins with nothing, with two things, or with an unknown architecture.

    Raises:
        DeclarationError: names file, line and field.
    """
    declared = study.declaration
    for field, value in (("tokenizer", declared.tokenizer), ("model", declared.model)):
        if value is None and declared.base is None:
            raise located.error((field,), "this field is required, unless there is a `base`")
        if value is not None and declared.base is not None:
            raise located.error((field,), "the `base` brings its own: leave this out")
    problem = None if declared.model is None else find_problem(declared.model)
    if problem is not None:
        field, message = problem
        raise located.error(("model", field), message)


def _check_tags(study: Study, base: Base) -> None:
    """Refuse a tag that the checkpoint has learnt something of already."""
    places = {
        getattr(treatment, field): (recipe.name, ("treat", index, field))
        for recipe in study.recipes
        for index, treatment in enumerate(recipe.treat)
        for field in ("tag", "otherwise")
    }
    for tag in find_taken(base, (tag for tag in places if tag is not None)):
        recipe, field = places[tag]
        message = f"{tag} is already in the vocabulary of the base: choose another"
        raise read_yaml(study.assets / "recipes" / f"{recipe}.yaml").error(field, message)


def try_start(study: Study, located: Located) -> Iterator[str]:
    """Look at the checkpoint, or build a small model of an architecture that is not tested here.

    Yields:
        What is told of what was not looked at.

    Raises:
        DeclarationError: names file, line and field.
    """
    declared, base = study.declaration.model, study.declaration.base
    if base is not None and base.path is not None and data_folder() is None:
        yield f"{study.name}: base {base.path}: not looked at: {DATA_VARIABLE} is not set"
    elif base is not None:
        field = "path" if base.hub is None else "hub"
        try:
            check_base(base, study.longest_sequence)
        except AlignmentError as error:
            raise located.error(("base", field), str(error)) from None
        _check_tags(study, base)
        placed = [one.name for one in study.recipes if one.sentence_scorers or one.inserts]
        if placed and not is_byte_level(base):
            message = (
                f"its vocabulary is not byte-level, and the recipe {placed[0]!r} treats or "
                "rewards sentences, or inserts documents: where they lie in its tokens is not known"
            )
            raise located.error(("base", field), message)
        yield f"{study.name}: goes on from {model_place(base)}"
    elif declared is not None and declared.architecture not in TESTED:
        # Imported here for its weight: few studies ask for another architecture.
        from alignment_dagster.training.pretraining.model import check_model

        try:
            longer = study.longest_sequence > study.declaration.mix.sequence_length
            check_model(declared, longer=longer)
        except AlignmentError as error:
            field, _, message = str(error).removeprefix("model.").partition(": ")
            raise located.error(("model", field), message) from None
