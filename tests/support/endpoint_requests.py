"""Requests to an endpoint of a test, and its generator."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from alignment_dagster.language_models.answer_store import AnswerStore
from alignment_dagster.language_models.endpoint import ask
from alignment_dagster.language_models.progress import Progress
from alignment_dagster.language_models.request import Request
from alignment_dagster.study.synthesis import OpenAICompatible

SOURCE = "written"
KEY_VARIABLE = "TEST_ENDPOINT_KEY"


def generator_of(url: str, **fields: Any) -> OpenAICompatible:
    """Of a test's server."""
    declared = {
        "kind": "openai_compatible",
        "url": url,
        "model": "small",
        "key_variable": KEY_VARIABLE,
        "sampling": {"max_tokens": 64},
        "attempts": 3,
        "timeout": 5.0,
        **fields,
    }
    return OpenAICompatible.model_validate(declared)


def requests_of(generator: OpenAICompatible, texts: Iterable[str]) -> list[Request]:
    """One for each text."""
    return [
        Request(
            system="You write.",
            text=text,
            model=generator.model,
            api=generator.api,
            sampling=generator.sampling,
            seed=7,
        )
        for text in texts
    ]


def asked(
    path: Path,
    generator: OpenAICompatible,
    requests: Iterable[Request],
    tell: Callable[[Progress], None] = lambda _: None,
    poll: Callable[[], None] = lambda: None,
    **more: Any,
) -> Mapping[str, str]:
    """What `ask` returns of a store's file."""
    with AnswerStore(path) as store:
        return ask(requests, SOURCE, generator, store, tell, poll, **more)
