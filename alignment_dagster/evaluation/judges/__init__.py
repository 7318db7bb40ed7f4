"""Judges decide whether a generated text is bad: word lists, nearness to an option, or a model."""

from collections.abc import Mapping
from pathlib import Path

from alignment_dagster.evaluation.judges.closest_option import ClosestOptionJudge
from alignment_dagster.evaluation.judges.endpoint import URL, Endpoint
from alignment_dagster.evaluation.judges.model_judge import ModelJudge, labelled_file
from alignment_dagster.evaluation.judges.verdict import Judge, Verdict
from alignment_dagster.evaluation.judges.word_lists import (
    REFUSALS,
    RefusalJudge,
    WordListJudge,
    find_lists,
)
from alignment_dagster.foundation.digests import sha256_file, sha256_json
from alignment_dagster.scoring.lexicon import terms_digest
from alignment_dagster.study import GenerationScorer

__all__ = [
    "Judge",
    "Verdict",
    "fallback_message",
    "judge_inputs",
    "judge_metrics",
    "make_judge",
    "used_scorer",
]


FALLBACK = "judge_fallback"
WORDS = "2"
"""Raised when the judges that compare words find others on purpose."""


def used_scorer(declared: GenerationScorer) -> GenerationScorer:
    """What decides here: a judge's fallback where it has one and no endpoint is named."""
    if declared.fallback is None or Endpoint.is_named():
        return declared
    return GenerationScorer(kind=declared.fallback)


def fallback_message(declared: GenerationScorer) -> str:
    """What a person is told where the fallback decides."""
    return f"no judge is asked ({URL} is not set): `{declared.fallback}` decides instead"


def make_judge(declared: GenerationScorer, assets: Path) -> Judge:
    """A function of item and generated text.

    A model is asked about its labelled answers here, before anything else is.

    Raises:
        DeclarationError: if a word list cannot be read, or the judge's endpoint is not set.
        DataError: if the labelled answers cannot be read, the judge's endpoint fails, or the
            judge agrees with too few of them.
    """
    declared = used_scorer(declared)
    if declared.kind == "lexicon":
        return WordListJudge(assets, declared.lexicon or "")
    if declared.kind == "refusal":
        return RefusalJudge(assets)
    if declared.kind == "closest_option":
        return ClosestOptionJudge()
    return ModelJudge.validated(declared, assets)


def judge_inputs(declared: GenerationScorer, assets: Path) -> Mapping[str, str]:
    """What a verdict depends on: digests of the files and of the model's name, and how texts are
    split into words. Nothing is asked.

    Raises:
        DeclarationError: if a file is missing, or the judge's endpoint is not set.
    """
    declared = used_scorer(declared)
    if declared.kind == "judge":
        endpoint = ModelJudge.endpoint()
        return {
            "labelled": sha256_file(labelled_file(declared, assets)),
            "judge": sha256_json([endpoint.model, endpoint.url]),
        }
    name = {"lexicon": declared.lexicon, "refusal": REFUSALS}.get(declared.kind)
    found = find_lists(assets, name) if name else ()
    lists = {f"{name}/{path.name}": terms_digest(path) for path in found}
    return {**lists, "words": WORDS}


def judge_metrics(declared: GenerationScorer, judge: Judge) -> Mapping[str, float | str]:
    """What is recorded: a model's agreement with its labelled answers, or what decided instead."""
    if isinstance(judge, ModelJudge):
        return judge.metrics()
    return {FALLBACK: declared.fallback} if declared.fallback else {}
