"""A transformers sequence classifier as features: what it says of a text, label by label.

Import this where it is used: torch takes seconds.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from alignment_dagster.foundation.errors import DataError, first_line
from alignment_dagster.foundation.model_files import model_path
from alignment_dagster.scoring.classifiers.weights import Scores, Weights
from alignment_dagster.study.classifiers import SequenceClassifier

DECIMALS = 4
"""Logits are rounded: what is beyond depends on the processor."""


@dataclass(frozen=True)
class SequenceModel:
    """A loaded model with its tokenizer."""

    model: Any
    tokenizer: Any
    tokens: int

    @classmethod
    def load(cls, declared: SequenceClassifier) -> "SequenceModel":
        """Read it from its folder.

        Raises:
            DataError: if it is not there, or is no sequence classifier.
        """
        folder = model_path(declared)
        options = {"local_files_only": True, "trust_remote_code": False}
        try:
            tokenizer = AutoTokenizer.from_pretrained(folder, **options)
            model = AutoModelForSequenceClassification.from_pretrained(
                folder, use_safetensors=True, dtype=torch.float32, **options
            )
        except (OSError, ValueError, KeyError, ImportError) as error:
            reason = first_line(error)
            raise DataError(f"model {folder}: cannot be used: {reason}") from None
        return cls(model.eval(), tokenizer, declared.tokens)

    def matrix(self, texts: Sequence[str]) -> Scores:
        """Texts by the model's own labels: logits.

        One text at a time: in a batch they would depend on the longest text beside them.
        """
        rows = []
        with torch.inference_mode():
            for text in texts:
                read = self.tokenizer(
                    text, truncation=True, max_length=self.tokens, return_tensors="pt"
                )
                rows.append(self.model(**read).logits[0].double().numpy())
        return np.round(np.array(rows).reshape(len(rows), -1), DECIMALS)

    def ask(self, texts: Sequence[str], weights: Weights) -> Scores:
        """Texts by labels: probabilities."""
        if not texts:
            return np.zeros((0, max(2, len(weights.bias))))
        return weights.ask_values(self.matrix(texts))
