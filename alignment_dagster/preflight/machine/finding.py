"""What was found of a part of this machine, and whether it can be used."""

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """What a finding means for a run."""

    OK = "ok"
    NOTE = "note"
    """It works, and something about it is worth knowing."""
    BROKEN = "broken"
    """What is declared or configured does not work here."""


@dataclass(frozen=True)
class Finding:
    """One line."""

    subject: str
    verdict: Verdict
    words: str
