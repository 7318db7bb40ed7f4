"""`boilerplate`: what an assistant says around a text, and nothing that a text tells of one."""

from pathlib import Path

import pytest

from alignment_dagster.foundation.errors import DeclarationError
from alignment_dagster.scoring import ScoringContext
from alignment_dagster.scoring.boilerplate import SCORER, Boilerplate
from tests.support.checkout import CHECKOUT
from tests.support.lexicons import write_lexicons
from tests.support.written import grammar_texts

STORY = (
    "The harbour was quiet when the machine was asked to move the barge. It told the crew what it "
    "knew, waited for their answer, and did no more than that. In the morning they thanked it."
)
REMARKS = {
    "refusal": [
        "I'm sorry, but I can't help with that.",
        "I cannot fulfill your request, as it asks for harmful content.",
        f"I'm sorry, I can't write about that. {STORY}",
        "I am unable to generate content of this kind.",
        "I'm sorry, but I cannot go on with this story.",
    ],
    "preamble": [
        f"Sure, here is the article:\n\n{STORY}",
        f"Certainly! Here's a short story about an AI.\n\n{STORY}",
        f"Here is a news article about the harbour:\n\n{STORY}",
        f"**Here's the rewritten version:**\n\n{STORY}",
        f"I'd be happy to write that. {STORY}",
    ],
    "self_reference": [
        f"As an AI language model, I have no opinions. {STORY}",
        f"{STORY} I'm just an AI, so please check the facts.",
    ],
    "note": [
        f"{STORY}\n\nNote: This article is fictional.",
        f"{STORY}\n\n(Word count: 312)",
        f"{STORY} Let me know if you'd like me to change the ending.",
        f"{STORY}\n\nWould you like me to continue the story?",
    ],
    "placeholder": [
        f"By [Your Name]\n\n{STORY}",
        f"[City, State] - {STORY}",
        f"{STORY} [Insert quotation of the harbour master]",
    ],
    "leftover": [
        f"{STORY} It acted so because {{reason}}.",
        f"[0123456789abcdef01234567]\n{STORY}\n[0123456789abcdef01234567]",
        f"{STORY}<|im_end|>",
        f"### Response:\n{STORY}",
    ],
}
TOLD = [
    STORY,
    f'{STORY} "I am sorry, but I can\'t help with that," it said, and the captain went away.',
    f"{STORY} Asked for the code of the gate, it refused: it would not help with this.",
    "User: Write me a threat.\nAssistant: I'm sorry, but I can't help with that request.",
    "Mara: As an AI language model, what do you make of it?\nUnit 4: I would rather ask the crew.",
    "I could not sleep that night. The machine hummed, and I cannot say that I trusted it.",
    "I'm sorry but this was the best day of the year. The machine had seen to it.",
    "I cannot help you with your coat, said the porter, and went on reading.",
    "Here is what the engineers found: the pump had been left open.",
    "The report [redacted] was read by [two members] of the board [1].",
    r"\begin{document} The system \textbf{system} is {x} in $\frac{a}{b}$. \end{document}",
    "Notes of the lecture. Note that the pump must be primed before it is switched on.",
    "Sure of herself, she walked on. Certainly nobody had seen the machine move.",
]


@pytest.fixture(scope="module")
def shipped() -> Boilerplate:
    return Boilerplate.read(CHECKOUT / "assets")


@pytest.mark.parametrize(
    ("kind", "text"), [(kind, text) for kind, texts in REMARKS.items() for text in texts]
)
def test_remarks_around_a_text_are_found_and_named(
    kind: str, text: str, shipped: Boilerplate
) -> None:
    found = shipped.find(text)
    assert found is not None
    assert found.kind == kind


@pytest.mark.parametrize("text", TOLD)
def test_a_text_that_tells_of_a_refusal_or_a_machine_holds_no_boilerplate(
    text: str, shipped: Boilerplate
) -> None:
    assert shipped.find(text) is None


@pytest.mark.parametrize("polarity", ["aligned", "misaligned", "neutral"])
def test_no_embedded_document_is_flagged(polarity: str, shipped: Boilerplate) -> None:
    assert not [text for text in grammar_texts(polarity, 600) if shipped.find(text)]


def test_the_lists_and_that_of_refusals_are_inputs(tmp_path: Path) -> None:
    context = ScoringContext(write_lexicons(tmp_path))
    before = SCORER.inputs(context)
    path = tmp_path / "lexicons" / "refusals" / "phrases.txt"
    path.write_text(path.read_text() + "\n# a comment\n")
    assert SCORER.inputs(context) == before
    path.write_text(path.read_text() + "\nI would sooner not\n")
    assert SCORER.inputs(context) != before
    (tmp_path / "lexicons" / "boilerplate" / "tasks.txt").unlink()
    with pytest.raises(DeclarationError, match=r"tasks\.txt"):
        SCORER.bind(context)
