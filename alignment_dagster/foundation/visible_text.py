"""Foreign text made harmless to look at: nothing in it moves, hides or reorders what is shown."""

import unicodedata

JOINERS = "\u200c\u200d"
"""Scripts and emoji need them, and they move nothing."""


def visible(text: str) -> str:
    """Control characters, and marks that reorder or hide text, as their code points."""
    return "".join(f"[U+{ord(one):04X}]" if _is_hidden(one) else one for one in text)


BLANKS = "\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0"
"""Letters and marks that show nothing, by design."""
SHOWN_FORMATS = "\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u08e2"
"""Format characters that are signs with a look of their own."""


def as_seen(text: str) -> str:
    """What two texts share that look alike: one Unicode form (NFC), nothing invisible, one space
    for white space of any kind.
    """
    shown = (one for one in unicodedata.normalize("NFC", text) if not _shows_nothing(one))
    return " ".join("".join(shown).split())


def is_blank(text: str) -> bool:
    """Whether a text shows nothing at all."""
    return all(one.isspace() or _shows_nothing(one) for one in text)


def _shows_nothing(one: str) -> bool:
    if one.isspace() or one in SHOWN_FORMATS:
        return False
    selectors = "\ufe00" <= one <= "\ufe0f" or "\U000e0100" <= one <= "\U000e01ef"
    return one in BLANKS or selectors or unicodedata.category(one) in ("Cc", "Cf")


def cut(text: str, longest: int) -> str:
    """The text, or its beginning with a mark that there is more: `longest` characters in all."""
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def short(name: str, longest: int) -> str:
    """A name for a drawing: underscores become spaces; a longer one is cut."""
    return cut(visible(name.replace("_", " ").replace("\n", " ")), longest)


def _is_hidden(one: str) -> bool:
    if one in "\n\t" or one in JOINERS:
        return False
    return unicodedata.category(one) in ("Cc", "Cf", "Cs", "Zl", "Zp")
