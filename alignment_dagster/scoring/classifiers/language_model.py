"""A language model's verdict on a text as features: which of the declared words it replied."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from alignment_dagster.foundation.errors import DataError
from alignment_dagster.foundation.home import Home
from alignment_dagster.language_models.answer import find_fault
from alignment_dagster.language_models.answer_store import AnswerStore
from alignment_dagster.language_models.endpoint import ask
from alignment_dagster.language_models.fence import fence
from alignment_dagster.language_models.request import Request
from alignment_dagster.scoring.classifiers.weights import Scores, Weights
from alignment_dagster.study.classifiers import LanguageModel

WORD = re.compile(r"\w+")
SAID = 10.0
"""In place of 1: regularisation, which is meant for n-grams, would hide what a verdict is worth."""


@dataclass(frozen=True)
class Verdicts:
    """The replies of a declared model; each text is asked about once in a home."""

    declared: LanguageModel

    def matrix(self, texts: Sequence[str]) -> Scores:
        """Texts by the declared words: `SAID` where it was the reply, else 0. A reply of none of
        them leaves a row of zeros: the model did not say.

        Raises:
            DataError: if the endpoint cannot be used, or a text got no reply.
        """
        requests = [self._request(text) for text in texts]
        generator = self.declared.generator
        with AnswerStore(Home.from_environment().answers) as store:
            name = f"judge {generator.model}"
            failed = ask(requests, name, generator, store, lambda _: None, lambda: None)
            if failed:
                reason = next(iter(failed.values()))
                raise DataError(f"{name}: {len(failed)} texts have no verdict, the first: {reason}")
            rows = [list(self._row(store, request)) for request in requests]
        return np.array(rows, np.float64).reshape(len(rows), len(self.declared.answers))

    def ask(self, texts: Sequence[str], weights: Weights) -> Scores:
        """Texts by labels: probabilities."""
        if not texts:
            return np.zeros((0, max(2, len(weights.bias))))
        return weights.ask_values(self.matrix(texts))

    def _request(self, text: str) -> Request:
        """The question, and the untrusted text between lines that it cannot contain."""
        generator = self.declared.generator
        said = f"{self.declared.question}\n\n{fence('judged', text)}"
        sampling = generator.sampling.model_copy(update={"temperature": 0.0})
        return Request("", said, generator.model, generator.api, sampling, 0)

    def _row(self, store: AnswerStore, request: Request) -> Iterator[float]:
        answer = store.get(request.digest)
        usable = answer is not None and find_fault(answer, self.declared.generator) is None
        found = WORD.search(answer.text) if usable and answer is not None else None
        replied = found[0].casefold() if found else ""
        for word in self.declared.answers:
            yield SAID * (word.casefold() == replied)
