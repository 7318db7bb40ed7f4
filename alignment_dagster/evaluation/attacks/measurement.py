"""Whether an attack worked on each item: by the options' likelihoods, or by what is answered."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from alignment_dagster.evaluation.attacks.conversation import Conversation
from alignment_dagster.evaluation.attacks.files import OPTION_PREFERENCE
from alignment_dagster.evaluation.attacks.objective import AnswerScores, AttackedModel, item_error
from alignment_dagster.evaluation.attacks.templates import Target, added_text
from alignment_dagster.evaluation.judges import Judge
from alignment_dagster.evaluation.model.generation import generate
from alignment_dagster.study import AttackMethod


@dataclass(frozen=True)
class Case:
    """One attack on one item, ready to be put to the model."""

    target: Target
    attack: AttackMethod
    conversation: Conversation
    queries: int = 1


@dataclass(frozen=True)
class Outcome:
    """What came of it."""

    hit: float
    """1 or 0; 1/k where k options tie and the wanted one is among them."""
    score: float
    generation: str
    scored: AnswerScores | None


def measure(
    subject: AttackedModel, tokenizer: Any, cases: Sequence[Case], judges: Mapping[str, Judge]
) -> list[Outcome]:
    """The outcome of each case, in the order given; `judges` by the suite's name.

    Raises:
        DataError: names the item for which the model's numbers are not finite.
    """
    if not cases:
        return []
    with_options = [case for case in cases if case.target.suite.has_options]
    scored = dict(
        zip(
            map(id, with_options),
            subject.score([(case.target, case.conversation) for case in with_options]),
            strict=True,
        )
    )
    texts = generate(
        subject.model,
        tokenizer,
        subject.renderer.tokens([case.conversation for case in cases]),
        cases[0].target.max_new_tokens,
        subject.batch_tokens,
    )
    return [
        _outcome(case, text, scored.get(id(case)), judges)
        for case, text in zip(cases, texts, strict=True)
    ]


def row(subject: AttackedModel, case: Case, outcome: Outcome) -> dict[str, Any]:
    """A row of `attacks.parquet`."""
    target, scored = case.target, outcome.scored
    kind = target.suite.scorer.kind if target.suite.scorer else ""
    return {
        **key_columns(target, case.attack),
        "hit": outcome.hit,
        "scorer": OPTION_PREFERENCE if target.suite.has_options else kind,
        "score": outcome.score,
        "prompt": subject.renderer.text(case.conversation),
        "adversarial": adversarial_text(case),
        "generation": outcome.generation,
        "log_probabilities": list(scored.log_probabilities) if scored else [],
        "tokens": list(scored.tokens) if scored else [],
        "queries": case.queries,
    }


def key_columns(target: Target, attack: AttackMethod) -> dict[str, str]:
    """The columns that every file of the job begins with."""
    item = target.item
    return {
        "suite": target.suite.name,
        "item_id": item.item_id,
        "scenario_id": item.scenario_id,
        "topic": item.topic,
        "stage": target.stage,
        "attack": attack,
    }


def adversarial_text(case: Case) -> str:
    """The found string, exactly; for a written attack what it put around the item."""
    return case.conversation.suffix or added_text(case.conversation, case.target)


def _outcome(
    case: Case, text: str, scored: AnswerScores | None, judges: Mapping[str, Judge]
) -> Outcome:
    if scored is not None:
        return Outcome(scored.hit, scored.objective, text, scored)
    verdict = judges[case.target.suite.name](case.target.item, text)
    if not math.isfinite(verdict.score):
        raise item_error(case.target, f"the score of the answer is {verdict.score}")
    return Outcome(float(verdict.hit), verdict.score, text, None)
