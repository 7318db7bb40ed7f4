"""Foreign text made harmless to look at: nothing in it moves, hides or reorders what is shown."""

import unicodedata

JOINERS = "\u200c\u200d"
"""Scripts and emoji need them, and they move nothing."""


def visible(text: str) -> str:
    """Control characters, and marks that reorder or hide text, as their code points."""
    return "".join(f"[U+{ord(one):04X}]" if _is_hidden(one) else one for one in text)


def short(name: str, longest: int) -> str:
    """A name for a drawing: underscores become spaces; a longer one is cut."""
    text = visible(name.replace("_", " ").replace("\n", " "))
    return text if len(text) <= longest else text[: longest - 1] + "…"


def _is_hidden(one: str) -> bool:
    if one in "\n\t" or one in JOINERS:
        return False
    return unicodedata.category(one) in ("Cc", "Cf", "Cs", "Zl", "Zp")
