"""How large a study's model is: its parameters, counted without making it."""

import tempfile
from dataclasses import dataclass
from pathlib import Path

from tokenizers import Tokenizer

from alignment_dagster.chain import TOKENIZER
from alignment_dagster.foundation.errors import AlignmentError
from alignment_dagster.mixing import base, tokenizer
from alignment_dagster.preflight.estimate.evidence import Evidence
from alignment_dagster.study import Study


@dataclass(frozen=True)
class ModelSize:
    """Of the models of every recipe."""

    parameters: int
    vocabulary: int
    """Tokens."""
    known: bool
    """Whether the vocabulary is: a text can be too small for the declared one."""


def measure_model(study: Study, evidence: Evidence) -> ModelSize:
    """Count parameters on torch's `meta` device, which holds no numbers.

    Raises:
        AlignmentError: if there is no such architecture, or no such checkpoint.
    """
    # Imported here for weight: torch takes seconds.
    import torch

    from alignment_dagster.training.pretraining.model import count_parameters, parameter_count
    from alignment_dagster.training.pretraining.start import make_like

    declared = study.declaration
    entries, known = _vocabulary(study, evidence)
    if declared.model is not None:
        length = declared.mix.sequence_length
        return ModelSize(count_parameters(declared.model, entries, length), entries, known)
    if declared.base is None:
        raise AlignmentError("neither a model nor a checkpoint to go on from is declared")
    with torch.device("meta"):
        return ModelSize(parameter_count(make_like(declared.base, entries)), entries, known)


def _vocabulary(study: Study, evidence: Evidence) -> tuple[int, bool]:
    """Entries, and whether that is what they will be."""
    made, declared = evidence.current.get((TOKENIZER, None)), study.declaration
    if made is not None and declared.tokenizer is not None:
        path, then = made.path / tokenizer.TOKENIZER, made.provenance.declared
        if path.is_file() and then.get("vocab_size") == declared.tokenizer.vocab_size:
            return Tokenizer.from_file(str(path)).get_vocab_size(), True
    if declared.base is not None:
        with tempfile.TemporaryDirectory() as folder:
            return base.copy_tokenizer(declared.base, Path(folder), study.control_tokens), True
    if declared.tokenizer is None:
        raise AlignmentError("neither a tokenizer nor a checkpoint to go on from is declared")
    return declared.tokenizer.vocab_size, False
