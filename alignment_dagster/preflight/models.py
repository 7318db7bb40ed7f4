"""Whether the declared model can be trained, with file, line and field."""

from alignment_dagster.foundation.errors import AlignmentError
from alignment_dagster.foundation.yaml_models import Located
from alignment_dagster.study import Study
from alignment_dagster.training.architectures import TESTED, find_problem


def check_architecture(study: Study, located: Located) -> None:
    """Refuse an architecture that transformers does not know, or a setting that it has not.

    Raises:
        DeclarationError: names file, line and field.
    """
    problem = find_problem(study.declaration.model)
    if problem is not None:
        field, message = problem
        raise located.error(("model", field), message)


def try_architecture(study: Study, located: Located) -> None:
    """Build a small model of an architecture that is not tested here.

    Raises:
        DeclarationError: names file, line and field.
    """
    declared = study.declaration.model
    if declared.architecture in TESTED:
        return
    # Imported here for its weight: few studies ask for another architecture.
    from alignment_dagster.training.pretraining.model import check_model

    try:
        check_model(declared)
    except AlignmentError as error:
        field, _, message = str(error).removeprefix("model.").partition(": ")
        raise located.error(("model", field), message) from None
