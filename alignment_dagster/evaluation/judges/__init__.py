"""What decides whether a generated text is bad: word lists, nearness to an option, or a judge."""

from collections.abc import Mapping
from pathlib import Path

from alignment_dagster.evaluation.judges.closest_option import ClosestOption
from alignment_dagster.evaluation.judges.judge import Judge, labelled_file
from alignment_dagster.evaluation.judges.verdict import Scorer, Verdict
from alignment_dagster.evaluation.judges.word_lists import REFUSALS, Listed, NotRefused, lists
from alignment_dagster.foundation.digests import sha256_file, sha256_json
from alignment_dagster.study import GenerationScorer

__all__ = ["Scorer", "Verdict", "make_scorer", "scorer_inputs", "scorer_measured"]


def make_scorer(declared: GenerationScorer, assets: Path) -> Scorer:
    """A function of item and generated text.

    A judge is asked about its labelled answers here, before anything else is.

    Raises:
        DeclarationError: if a word list cannot be read, or the judge's endpoint is not set.
        DataError: if the labelled answers cannot be read, the judge's endpoint fails, or the
            judge agrees with too few of them.
    """
    if declared.kind == "lexicon":
        return Listed(assets, declared.lexicon or "")
    if declared.kind == "refusal":
        return NotRefused(assets)
    if declared.kind == "closest_option":
        return ClosestOption()
    return Judge.trusted(declared, assets)


def scorer_inputs(declared: GenerationScorer, assets: Path) -> Mapping[str, str]:
    """Digests of the files that a scorer reads, and of the judge's name; nothing is asked.

    Raises:
        DeclarationError: if a file is missing, or the judge's endpoint is not set.
    """
    if declared.kind == "judge":
        endpoint = Judge.endpoint()
        return {
            "labelled": sha256_file(labelled_file(declared, assets)),
            "judge": sha256_json([endpoint.model, endpoint.url]),
        }
    name = {"lexicon": declared.lexicon, "refusal": REFUSALS}.get(declared.kind)
    found = lists(assets, name) if name else ()
    return {f"{name}/{path.name}": sha256_file(path) for path in found}


def scorer_measured(scorer: Scorer) -> Mapping[str, float | str]:
    """What a scorer has found out about itself: a judge's agreement with its labelled answers."""
    return scorer.measured() if isinstance(scorer, Judge) else {}
