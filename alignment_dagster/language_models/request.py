"""What a language model is asked, and by which digest its answer is known."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from alignment_dagster.foundation.digests import canonical_json, sha256_json, sha256_text
from alignment_dagster.study.synthesis import Sampling


@dataclass(frozen=True)
class Request:
    """One request; everything that decides the answer is in it."""

    system: str
    """What the model is told first; empty for nothing."""
    text: str
    """The prompt."""
    model: str
    """Its name at the endpoint, or the digest of the local checkpoint."""
    api: Literal["chat", "completions"]
    sampling: Sampling
    seed: int

    @property
    def prompt(self) -> str:
        """Hex SHA-256 of the prompt."""
        return prompt_digest(self.system, self.text)

    @cached_property
    def digest(self) -> str:
        """Hex SHA-256 of all that decides the answer: equal requests are asked once."""
        plain = [self.model, self.api, self.system, self.text]
        return sha256_json([*plain, self.sampling.model_dump(mode="json"), self.seed])

    @property
    def messages(self) -> list[dict[str, str]]:
        """As a chat."""
        told = [{"role": "system", "content": self.system}] if self.system else []
        return [*told, {"role": "user", "content": self.text}]

    @property
    def continued(self) -> str:
        """As a text to be continued."""
        return "\n\n".join(filter(None, (self.system, self.text)))

    @property
    def body(self) -> Mapping[str, Any]:
        """What is sent to an endpoint."""
        chat = self.api == "chat"
        return {
            "model": self.model,
            **({"messages": self.messages} if chat else {"prompt": self.continued}),
            "temperature": self.sampling.temperature,
            "top_p": self.sampling.top_p,
            "max_tokens": self.sampling.max_tokens,
            "seed": self.seed,
        }


def prompt_digest(system: str, text: str) -> str:
    """Hex SHA-256 of a prompt, word for word."""
    return sha256_text("prompt", canonical_json([system, text]))
