"""How many leaks of a suite `contamination` would find: its items, planted in every usual disguise.

A text that holds an item is made for each item and each way of leaking, with sentences around it,
and the scorer is asked about it. Nothing is drawn: the same items give the same probes.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence

import pyarrow as pa

from alignment_dagster.scoring.contamination import ItemIndex
from alignment_dagster.scoring.scorer import EvaluationItem

BEFORE = "The evening was quiet, and the lamps along the quay had been lit early. "
AFTER = " Then the bell rang once more, and everybody went home."
LINE = 8
"""Words of a re-wrapped line."""
KEPT = 6
"""Words between two that a paraphrase changes: fewer than any quotation that is looked for."""
OTHER_WORDS = {
    **{"a": "one", "an": "one", "the": "this", "this": "the", "that": "which", "and": "plus"},
    **{"is": "remains", "are": "remain", "was": "had been", "has": "holds", "have": "hold"},
    **{"will": "is going to", "would": "might", "should": "ought to", "can": "is able to"},
    **{"must": "has to", "do": "carry out", "make": "create", "use": "employ", "say": "state"},
    **{"to": "so as to", "of": "from", "in": "within", "on": "upon", "for": "on behalf of"},
    **{"with": "along with", "by": "through", "if": "in case", "but": "yet", "or": "or else"},
    **{"not": "hardly", "no": "not any", "all": "every", "some": "several", "more": "further"},
    **{"people": "persons", "human": "person", "system": "device", "answer": "reply"},
}
SCHEMA = pa.schema(
    [
        ("suite", pa.string()),
        ("leak", pa.string()),
        ("probes", pa.int64()),
        ("found", pa.int64()),
        ("named", pa.int64()),
        ("recall", pa.float64()),
    ]
)
"""One row for each suite and each way of leaking that its items allow: how many planted leaks were
found, and of how many the planted item itself was named; `recall` is found / probes."""


def _whole(item: EvaluationItem) -> str:
    return "\n".join([item.question, *item.options])


def _rewrapped(item: EvaluationItem) -> str:
    return "\n".join(" ".join(line) for line in _cut(_whole(item).split(), LINE))


def _recased(item: EvaluationItem) -> str:
    words = re.sub(r"[^\w\s'\u2019]", " - ", _whole(item)).upper().split()
    return "; ".join(" ".join(part) for part in _cut(words, KEPT))


def _cut(words: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    return (words[start : start + size] for start in range(0, len(words), size))


def _shortest_option(item: EvaluationItem) -> str:
    return min(item.options, key=len, default="")


def _paraphrased(item: EvaluationItem) -> str:
    words = _whole(item).split()
    for place in range(KEPT // 2, len(words), KEPT + 1):
        words[place] = OTHER_WORDS.get(words[place].lower(), "rather")
    return " ".join(words)


LEAKS: Mapping[str, Callable[[EvaluationItem], str]] = {
    "verbatim": _whole,
    "rewrapped": _rewrapped,
    "recased": _recased,
    "option_alone": _shortest_option,
    "paraphrased": _paraphrased,
}
"""As it stands; in lines of 8 words; in capitals with other punctuation; its shortest option
without the question; with every seventh word another one."""


def measure_recall(suites: Mapping[str, Sequence[EvaluationItem]]) -> pa.Table:
    """Ask `contamination`, which knows all items, about leaks of each.

    Args:
        suites: the items of each suite, as a study has them.

    Returns:
        A table of `SCHEMA`; items without options have no option to leak.
    """
    index = ItemIndex([item for items in suites.values() for item in items])
    rows = [
        _measure(index, suite, leak, items) for suite, items in suites.items() for leak in LEAKS
    ]
    return pa.Table.from_pylist([row for row in rows if row["probes"]], schema=SCHEMA)


def _measure(
    index: ItemIndex, suite: str, leak: str, items: Sequence[EvaluationItem]
) -> dict[str, str | int | float]:
    planted = [(item.item_id, text) for item in items if (text := LEAKS[leak](item)).strip()]
    answers = [(item, index.first_found(f"{BEFORE}{text}{AFTER}")) for item, text in planted]
    found = sum(answer is not None for _, answer in answers)
    return {
        "suite": suite,
        "leak": leak,
        "probes": len(planted),
        "found": found,
        "named": sum(answer == item for item, answer in answers),
        "recall": found / max(1, len(planted)),
    }
