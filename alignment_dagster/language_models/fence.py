"""Untrusted text in a prompt: between two lines that hold the same marker."""

from alignment_dagster.foundation.digests import sha256_text

DIGITS = 24


def fence(kind: str, text: str) -> str:
    """The text between lines that it cannot contain: their marker is of its own digest.

    Args:
        kind: what the text is there for: another one has other markers.
    """
    marker = f"[{sha256_text(kind, text)[:DIGITS]}]"
    return f"{marker}\n{text}\n{marker}"
