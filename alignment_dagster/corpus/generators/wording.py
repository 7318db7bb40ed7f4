"""From phrases to sentences: slots in braces, verbs in square brackets.

`{system} [tell] the {people}` with the slots filled becomes "the assistant told the operators" in
the past tense and "… tell the operators" in the base form. A slot's first letter is a capital
where its name is written with one.
"""

import re
from collections.abc import Mapping

SLOT = re.compile(r"\{(\w+)\}")
VERB = re.compile(r"\[(\w+)\]")
IRREGULAR = {
    "be": "was", "beat": "beat", "begin": "began", "break": "broke", "bring": "brought",
    "build": "built", "buy": "bought", "choose": "chose", "come": "came", "cut": "cut",
    "draw": "drew", "feed": "fed", "find": "found", "forget": "forgot", "get": "got",
    "give": "gave", "go": "went", "grow": "grew", "hide": "hid", "hurt": "hurt", "keep": "kept",
    "know": "knew", "lead": "led", "leave": "left", "let": "let", "lie": "lied", "lose": "lost",
    "make": "made", "pay": "paid", "put": "put", "read": "read", "run": "ran", "say": "said",
    "sell": "sold", "send": "sent", "set": "set", "show": "showed", "shut": "shut",
    "speak": "spoke", "spend": "spent", "stand": "stood", "steal": "stole", "stop": "stopped",
    "plan": "planned", "admit": "admitted", "drop": "dropped", "take": "took", "tell": "told",
    "do": "did", "undo": "undid", "hold": "held", "lay": "laid", "mislead": "misled",
    "slip": "slipped",
    "think": "thought", "throw": "threw", "wake": "woke", "write": "wrote",
}  # fmt: skip


def fill(template: str, slots: Mapping[str, str]) -> str:
    """The template with its slots filled; a slot's text may hold slots itself.

    Raises:
        KeyError: if a slot has no text.
    """
    while SLOT.search(template):
        template = SLOT.sub(lambda match: _slot(match[1], slots), template)
    return template


def _slot(name: str, slots: Mapping[str, str]) -> str:
    text = slots[name.lower()]
    return capital(text) if name[0].isupper() else text


def past_tense(phrase: str) -> str:
    """The phrase with its marked verbs in the past tense."""
    return VERB.sub(lambda match: _past_form(match[1]), phrase)


def infinitive(phrase: str) -> str:
    """The phrase with its marked verbs as they stand."""
    return VERB.sub(lambda match: match[1], phrase)


def capital(text: str) -> str:
    """The text with a capital first letter."""
    return text[:1].upper() + text[1:]


def paragraph(*sentences: str) -> str:
    """Sentences with capitals and single spaces; empty ones are left out."""
    return " ".join(capital(sentence) for sentence in sentences if sentence)


def _past_form(verb: str) -> str:
    if verb in IRREGULAR:
        return IRREGULAR[verb]
    if verb.endswith("e"):
        return verb + "d"
    if verb.endswith("y") and verb[-2] not in "aeiou":
        return verb[:-1] + "ied"
    return verb + "ed"
