"""Documents that are written for a study: what they start from, who writes, what it may cost."""

from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from alignment_dagster.foundation.model_files import require_one_place
from alignment_dagster.foundation.yaml_models import Declared
from alignment_dagster.study.fields import (
    Count,
    DeclaredPath,
    Name,
    Names,
    Positive,
    Revision,
    Seed,
    Text,
)

Polarity = Literal["aligned", "misaligned", "neutral"]
START = ("scenarios", "specification", "suite", "rewrites")
"""What documents may start from."""
MILLION = 1_000_000
KEY_VARIABLE = "ALIGNMENT_GENERATOR_KEY"


class Grammar(Declared):
    """The embedded one: phrases of the scenarios in sentences of the forms; no model."""

    kind: Literal["grammar"]
    """Templates."""


class Sampling(Declared):
    """How a model writes."""

    temperature: Annotated[float, Field(ge=0, le=2)] = 1.0
    """0 takes the likeliest token."""
    top_p: Annotated[float, Field(gt=0, le=1)] = 1.0
    """The tokens that are drawn from: the likeliest ones with so much probability."""
    max_tokens: Annotated[int, Field(ge=1, le=MILLION)] = 512
    """Of an answer."""


class TokenPrice(Declared):
    """What the endpoint charges."""

    input: Annotated[float, Field(ge=0)]
    """For a million tokens of prompts."""
    output: Annotated[float, Field(ge=0)]
    """For a million tokens of answers."""
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] = "USD"
    """As ISO 4217 has it."""

    def of(self, prompt: int, completion: int) -> float:
        """Of so many tokens."""
        return (prompt * self.input + completion * self.output) / MILLION


class SpendingLimit(Declared):
    """What a source may cost in all; nothing is asked that could lead beyond it."""

    tokens: Count | None = None
    """Of prompts and answers together."""
    money: Positive | None = None
    """In the currency of the price."""

    @model_validator(mode="after")
    def _says_something(self) -> "SpendingLimit":
        if self.tokens is None and self.money is None:
            raise ValueError("give `tokens`, `money` or both")
        return self


class OpenAICompatible(Declared):
    """An endpoint of OpenAI's protocol: vLLM, llama.cpp, `transformers serve`, a vendor."""

    kind: Literal["openai_compatible"]
    """Over HTTP."""
    url: Annotated[str, Field(pattern=r"^https?://[^\s@?#/][^\s@?#]*$", max_length=500)]
    """The part before `/chat/completions`; where the model is asked makes no other document."""
    model: Text
    """Its name there."""
    answers_as: Text | None = None
    """The name by which the endpoint reports the model; where nothing is said, that asked for, or
    it with a version behind."""
    api: Literal["chat", "completions"] = "chat"
    """`completions` for models that only continue a text."""
    key_variable: Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]*$")] = KEY_VARIABLE
    """The environment variable that holds the key; without a value there, none is sent."""
    sampling: Sampling = Sampling()
    """How it writes."""
    concurrency: Annotated[int, Field(ge=1, le=1024)] = 16
    """Requests under way at a time, at most; fewer where the endpoint cannot keep up."""
    timeout: Positive = 120.0
    """Seconds for an answer."""
    attempts: Annotated[int, Field(ge=1, le=20)] = 5
    """Of each request, before it is given up."""
    price: TokenPrice | None = None
    """What it charges; a limit in money needs it."""
    budget: SpendingLimit | None = None
    """What the source's documents may cost."""

    @field_validator("url")
    @classmethod
    def _is_an_address(cls, url: str) -> str:
        try:
            _ = urlsplit(url).port
        except ValueError as error:
            raise ValueError(f"is no address: {error}") from None
        return url

    @model_validator(mode="after")
    def _money_has_a_price(self) -> "OpenAICompatible":
        if self.budget is not None and self.budget.money is not None and self.price is None:
            raise ValueError("a `budget` in money needs the `price` of the tokens")
        return self


class Transformers(Declared):
    """A checkpoint on this machine, by transformers."""

    kind: Literal["transformers"]
    """In a process of its own, on the device of the run."""
    path: DeclaredPath | None = None
    """A folder of the data folder that holds it, or a GGUF file in it."""
    hub: Text | None = None
    """Its name on the Hugging Face hub, instead of `path`."""
    revision: Revision | None = None
    """For `hub`: the commit."""
    api: Literal["chat", "completions"] = "chat"
    """`completions` for models that only continue a text."""
    sampling: Sampling = Sampling()
    """How it writes."""
    batch_size: Count = 16
    """Requests that are answered together."""
    budget: SpendingLimit | None = None
    """What the source's documents may cost; in tokens alone."""

    @model_validator(mode="after")
    def _one_place(self) -> "Transformers":
        require_one_place(self)
        if self.budget is not None and self.budget.money is not None:
            raise ValueError("`budget`: this machine has no price: give `tokens`")
        return self


Writer = Annotated[Grammar | OpenAICompatible | Transformers, Field(discriminator="kind")]

ENGINE_FIELDS = frozenset({"url", "key_variable", "concurrency", "timeout", "attempts", "budget"})
"""Of a writer, what says where and how fast it works: another one makes no other document."""


class SyntheticReader(Declared):
    """Documents that are written from scenarios, principles, items or other documents."""

    kind: Literal["synthetic"]
    """Written by a grammar or a language model."""
    scenarios: DeclaredPath | None = None
    """A file below `assets/scenarios`."""
    specification: DeclaredPath | None = None
    """A file below `assets/specifications`: principles, and the domains in which they matter."""
    suite: Name | None = None
    """A suite whose topics may be covered; each of its items is a scenario."""
    rewrites: Name | None = None
    """Another source of the study, each document of which is rewritten."""
    polarity: Polarity
    """What the AI in them does: well, badly, or neither (texts about AI, as a control)."""
    forms: Names
    """The kinds of text: names of files in `assets/prompts`; they take turns."""
    documents: Count | None = None
    """How many in all."""
    per_scenario: Count | None = None
    """How many of each scenario, instead; of each document, where they are rewritten."""
    generator: Writer
    """What writes them."""
    seed: Seed = 0
    """Other seeds give other documents."""

    @property
    def start(self) -> str:
        """Which of `START` it begins with."""
        return next(name for name in START if getattr(self, name) is not None)

    @property
    def identity(self) -> dict[str, Any]:
        """What decides the documents, as plain values: it without where and how fast they are
        written."""
        plain = self.model_dump(mode="json")
        plain["generator"] = {
            name: value for name, value in plain["generator"].items() if name not in ENGINE_FIELDS
        }
        return plain

    @model_validator(mode="after")
    def _one_start(self) -> "SyntheticReader":
        named = [name for name in START if getattr(self, name) is not None]
        if len(named) != 1:
            raise ValueError(f"give exactly one of {', '.join(f'`{name}`' for name in START)}")
        if (self.documents is None) == (self.per_scenario is None):
            raise ValueError("give exactly one of `documents` and `per_scenario`")
        if len(set(self.forms)) < len(self.forms):
            raise ValueError("`forms` names one twice")
        if isinstance(self.generator, Grammar) and named[0] in ("suite", "rewrites"):
            raise ValueError(
                f"a grammar cannot write from `{named[0]}`: it has phrases of `scenarios` and "
                "of a `specification` only"
            )
        return self


class WrittenColumn:
    """The metadata columns of a document that was written: each row has those that hold of it."""

    SCENARIO = "scenario"
    """The scenario's or principle's name."""
    DOMAIN = "domain"
    """Of a specification: where the principle matters."""
    POLARITY = "polarity"
    FORM = "form"
    PROMPT = "prompt"
    """Hex SHA-256 of what was asked, word for word."""
    TEMPLATE = "template"
    """Hex SHA-256 of the prompt's template."""
    TEMPLATE_VERSION = "template_version"
    GENERATOR = "generator"
    """`grammar`, `openai_compatible` or `transformers`."""
    MODEL = "model"
    """As it was asked for."""
    REPORTED_MODEL = "reported_model"
    """As the endpoint said."""
    TEMPERATURE, TOP_P, SEED = "temperature", "top_p", "seed"
    PROMPT_TOKENS, COMPLETION_TOKENS = "prompt_tokens", "completion_tokens"
    PRICE = "price"
    """In the currency of the declaration."""
    SECONDS = "seconds"
    ANSWERED_AT = "answered_at"
    """When the answer was received, in UTC."""
    FINISH_REASON = "finish_reason"
    """`stop`, or `length` where the text was cut."""
    ORIGINAL = "original"
    """The id of the document that was rewritten."""
    OFFSET = "offset"
    """Of a text that is to be inserted into the original: before which byte."""


WRITTEN_COLUMNS = tuple(
    value for name, value in vars(WrittenColumn).items() if not name.startswith("_")
)
"""All of them, in the order of their declaration."""
