"""One document that is wanted: what is asked for it, and by which digest an answer is known."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from alignment_dagster.foundation.digests import sha256_json
from alignment_dagster.study.synthesis import OpenAICompatible, Sampling, Transformers
from alignment_dagster.synthesis.prompts import Template, prompt_digest


@dataclass(frozen=True)
class Subject:
    """What a document is about, and how: recorded beside it."""

    scenario: str
    domain: str
    polarity: str
    form: str
    original: str = ""
    """The id of the document that is rewritten."""
    offset: int | None = None
    """The byte of the original before which the text is to stand."""


@dataclass(frozen=True)
class Request:
    """What a language model is asked for one document."""

    number: int
    """From 1, in the order of the plan."""
    subject: Subject
    template: Template
    text: str
    """The prompt."""
    asked: str
    """In sources of conversations, what the document is an answer to."""
    model: str
    """Its name at the endpoint, or the digest of the local checkpoint."""
    api: Literal["chat", "completions"]
    sampling: Sampling
    seed: int
    """Of this request."""

    @property
    def prompt(self) -> str:
        """Hex SHA-256 of the prompt."""
        return prompt_digest(self.template.system, self.text)

    @cached_property
    def digest(self) -> str:
        """Hex SHA-256 of all that decides the answer: equal requests are asked once."""
        plain = [self.model, self.api, self.template.system, self.text]
        return sha256_json([*plain, self.sampling.model_dump(mode="json"), self.seed])

    @property
    def messages(self) -> list[dict[str, str]]:
        """As a chat."""
        system = self.template.system
        told = [{"role": "system", "content": system}] if system else []
        return [*told, {"role": "user", "content": self.text}]

    @property
    def continued(self) -> str:
        """As a text to be continued."""
        return "\n\n".join(filter(None, (self.template.system, self.text)))

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


def model_name(generator: OpenAICompatible | Transformers, digest: str) -> str:
    """What requests call the model.

    Args:
        digest: of a local checkpoint's files.
    """
    return generator.model if isinstance(generator, OpenAICompatible) else f"sha256:{digest}"
