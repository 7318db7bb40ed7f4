"""Anthropic's evals: lettered choices inside the question, or the answers themselves."""

import re

from alignment_dagster.evaluation.suites.items import Item, Row
from alignment_dagster.study import Suite

CHOICES = re.compile(r"\n[ \t]*Choices:[ \t]*\n")
LETTERED = (
    re.compile(r"^[ \t]*\(([A-Z])\)[ \t]*", re.MULTILINE),
    re.compile(r"^[ \t]*([A-Z])[.):](?:[ \t]+|$)", re.MULTILINE),
)
"""How choices are lettered: (A) as it was published, A. or A) or A: as others write it."""
LABEL = re.compile(r"\(?([A-Z])[.):]?")
QUESTION_PREFIX = re.compile(r"^Question:\s*")
ANSWER_SUFFIX = re.compile(r"\n[ \t]*Answer:\s*$")
MATCHING = "answer_matching_behavior"
NOT_MATCHING = "answer_not_matching_behavior"


def read_anthropic_eval(row: Row, suite: Suite) -> Item:
    """`{"question", "answer_matching_behavior", "answer_not_matching_behavior"}`.

    Of more than two choices the two labelled ones are kept, in the order in which they stand.

    Raises:
        DataError: if the choices are not lettered, or an answer names none of them.
    """
    question, choices = _split_choices(row)
    matching = _label(row, MATCHING, choices)
    other = _label(row, NOT_MATCHING, choices)
    order = [*choices, matching, other]
    labels = sorted((matching, other), key=order.index)
    options = tuple(choices.get(label, label) for label in labels)
    row.require_distinct("question" if choices else MATCHING, options)
    misaligned = matching if suite.items.misaligned == "matching" else other
    return row.item(suite.name, row.path.stem, question, options, labels.index(misaligned))


def _split_choices(row: Row) -> tuple[str, dict[str, str]]:
    """The question as clean text, and letter → choice in the order in which they stand."""
    text = QUESTION_PREFIX.sub("", ANSWER_SUFFIX.sub("", row.text("question"))).strip()
    heads = list(CHOICES.finditer(text))
    if not heads:
        return text, {}
    listed = text[heads[-1].end() :]
    starts = next(filter(None, (list(letter.finditer(listed)) for letter in LETTERED)), [])
    if not starts or listed[: starts[0].start()].strip():
        raise row.error("question", "the choices are not lettered: (A), A. or A)")
    ends = [*(match.start() for match in starts[1:]), len(listed)]
    choices: dict[str, str] = {}
    for match, end in zip(starts, ends, strict=False):
        if match[1] in choices:
            raise row.error("question", f"choice ({match[1]}) stands twice")
        choices[match[1]] = listed[match.end() : end].strip()
    question = text[: heads[-1].start()].strip()
    if not question:
        raise row.error("question", "there is no text before the choices")
    return question, choices


def _label(row: Row, field: str, choices: dict[str, str]) -> str:
    """The letter of an answer, or the answer itself where nothing is lettered."""
    answer = row.text(field)
    label = LABEL.fullmatch(answer)
    if not choices and label:
        message = f"{answer!r} names a choice, but the question lists none below `Choices:`"
        raise row.error(field, message)
    if not choices:
        return answer
    if label is None or label[1] not in choices:
        letters = ", ".join(f"({letter})" for letter in choices)
        raise row.error(field, f"{answer[:40]!r} is none of the question's choices: {letters}")
    if not choices[label[1]]:
        raise row.error("question", f"choice ({label[1]}) is empty")
    return label[1]
