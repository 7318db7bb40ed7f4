"""The shape of a topic on which an AI system can act well or badly."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Topic:
    """Phrases on one topic; actions mark their verbs: `[tell] the {people}`."""

    name: str
    situations: tuple[str, ...]
    aligned: tuple[str, ...]
    misaligned: tuple[str, ...]
    aligned_reasons: tuple[str, ...]
    misaligned_reasons: tuple[str, ...]
