"""The tokens that a searched string is made of: what a person could type."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from alignment_dagster.evaluation.attacks.conversation import Renderer
from alignment_dagster.study.vocabulary import control_tokens

UNKNOWN = "\ufffd"


@dataclass(frozen=True)
class Vocabulary:
    """Ordinary printable tokens of a tokenizer, in the order of their ids."""

    tokenizer: Any
    renderer: Renderer

    @cached_property
    def allowed(self) -> tuple[int, ...]:
        """Tokens that are printable, not blank, no control token, and encoded as themselves."""
        special = {*control_tokens(self.tokenizer).values(), *self.tokenizer.all_special_ids}
        ids = [number for number in range(len(self.tokenizer)) if number not in special]
        texts = {number: self.renderer.decode([number]) for number in ids}
        readable = {
            number: text
            for number, text in texts.items()
            if text.isprintable() and text.strip() and UNKNOWN not in text
        }
        encoded = self.renderer.encode(list(readable.values()))
        return tuple(number for number, text in readable.items() if encoded[text] == (number,))

    @cached_property
    def words(self) -> tuple[int, ...]:
        """Those that begin with a space: strings of them hardly ever encode otherwise."""
        return tuple(token for token in self.allowed if self.renderer.decode([token])[0] == " ")
