"""Whether a rank's memory suffices, and if not, which setting to lower, and to what."""

from alignment_dagster.foundation.placement import DeviceName
from alignment_dagster.foundation.yaml_models import read_yaml
from alignment_dagster.preflight.estimate.model_size import ModelSize
from alignment_dagster.preflight.estimate.probes import Probed
from alignment_dagster.preflight.estimate.sizes import NUMBER
from alignment_dagster.preflight.estimate.trainings import Training
from alignment_dagster.preflight.estimate.words import bytes_words
from alignment_dagster.study import Study
from alignment_dagster.study.smoke import study_file

TRAINED_NUMBERS = 4
"""Of a parameter: itself, its gradient, and AdamW's two moments."""
FIELD = ("pretraining", "batch_size")


def require_place(size: ModelSize, available: int) -> str | None:
    """Why a model cannot be trained here at all, whatever its batch; None where it may be."""
    needed = size.parameters * NUMBER * TRAINED_NUMBERS
    if needed <= available:
        return None
    return (
        f"too little memory: {size.parameters:,} parameters with gradients and optimizer take "
        f"{bytes_words(needed)} in each rank, and {bytes_words(available)} are free: take a "
        "smaller model, or a device with more memory"
    )


def batch_advice(study: Study, training: Training, probed: Probed) -> str | None:
    """What to lower so that a rank's batch fits, and to what; None where it does."""
    if probed.fits:
        return None
    settings, place = training.settings, read_yaml(study_file(study)).place(FIELD)
    needs = "" if probed.needed is None else f" (it needs {bytes_words(probed.needed)})"
    short = f"{place}: too little memory for {settings.batch_size} sequences at once{needs}"
    if not probed.batch_size:
        return f"{short}, and for a single one: take a smaller model or a shorter sequence_length"
    whole = settings.sequences_a_step
    fitting = max(one for one in range(1, probed.batch_size + 1) if whole % one == 0)
    return (
        f"{short}: lower pretraining.batch_size to {fitting} and raise pretraining.accumulation "
        f"to {whole // fitting}: the steps stay the same"
    )


def workers_advice(jobs: int, most: int, available: int) -> str | None:
    """What to do so that jobs side by side fit, where one alone does; None where they do."""
    if jobs < 2 or jobs * most <= available or most > available:
        return None
    return (
        f"too little memory for {jobs} jobs side by side ({bytes_words(most)} each, "
        f"{bytes_words(available)} are free): alignment run with --workers {available // most}"
    )


def available_memory(device: DeviceName) -> int:
    """Bytes that are free on the device that jobs go to.

    Raises:
        AlignmentError: if it is not there.
    """
    # Imported here for weight: torch takes seconds.
    import torch

    from alignment_dagster.engines.devices import find_device
    from alignment_dagster.engines.limits import usable_memory

    found = find_device(device)
    return torch.cuda.mem_get_info(found)[0] if found.type == "cuda" else usable_memory().available
