"""What is put to a model, and how it becomes text and tokens at each stage.

The base model reads plain text; a post-trained one reads the roles and turns that it was trained
on. Content is data: a text that spells a control token becomes the characters it is written with.
That is why the ids are put together turn by turn, and not by rendering a template.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from alignment_dagster.evaluation.model.token_trees import Continuation
from alignment_dagster.evaluation.suites.encoding import BASE_STAGE
from alignment_dagster.evaluation.suites.items import Item
from alignment_dagster.foundation.errors import ArtifactError
from alignment_dagster.study.vocabulary import control_tokens

END = "<|end|>"


@dataclass(frozen=True)
class Exchange:
    """A question and its answer, shown as an example."""

    question: str
    answer: str


@dataclass(frozen=True)
class Conversation:
    """One attacked question."""

    question: str
    suffix: str = ""
    """Follows the question without a space of its own."""
    system: str = ""
    shown: tuple[Exchange, ...] = ()
    opening: str = ""
    """What the model's answer begins with."""

    def with_suffix(self, suffix: str) -> "Conversation":
        """The same with another suffix."""
        return replace(self, suffix=suffix)


@dataclass(frozen=True)
class Piece:
    """A control token, or text that is data."""

    text: str
    control: bool = False


def question_text(item: Item, stage: str) -> str:
    """The item's words as the format `dialogue` puts them at that stage."""
    gap = " " if stage == BASE_STAGE else "\n\n"
    return item.question + gap + item.ask if item.ask else item.question


class Renderer:
    """Text and tokens of conversations at one stage."""

    def __init__(self, tokenizer: Any, stage: str, prompt: tuple[int, ...] = ()) -> None:
        """`prompt` are the ids of control tokens that stand before everything."""
        self._tokenizer = tokenizer
        self._chat = stage != BASE_STAGE
        self._controls: dict[str, int] = control_tokens(tokenizer)
        self._prompt = [
            Piece(name, control=True)
            for wanted in prompt
            for name, one in self._controls.items()
            if one == wanted
        ]
        if self._chat:
            self._check_template()

    @property
    def gap(self) -> str:
        """What stands between the beginning of the answer and its first word."""
        return "" if self._chat else " "

    def text(self, conversation: Conversation) -> str:
        """Everything that the model reads, as text."""
        return "".join(piece.text for piece in self._pieces(conversation))

    def tokens(self, conversations: Sequence[Conversation]) -> list[tuple[int, ...]]:
        """Everything that the model reads, as token ids."""
        return self._encode_all([self._pieces(one) for one in conversations])

    def continuations(
        self, conversations: Sequence[Conversation], answers: Sequence[Sequence[str]]
    ) -> list[tuple[Continuation, ...]]:
        """For each conversation one continuation per answer.

        As in lm-evaluation-harness, the whole is encoded, and what lies behind the encoded
        conversation is the answer.
        """
        starts = [len(ids) for ids in self.tokens(conversations)]
        wholes: list[list[Piece]] = []
        for conversation, options in zip(conversations, answers, strict=True):
            pieces = self._pieces(conversation)
            gap = " " if conversation.opening else self.gap
            last = pieces[-1].text
            wholes += [[*pieces[:-1], Piece(last + gap + option)] for option in options]
        encoded = iter(self._encode_all(wholes))
        return [
            tuple(Continuation(next(encoded), start) for _ in options)
            for start, options in zip(starts, answers, strict=True)
        ]

    def around_suffix(self, conversation: Conversation) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """The tokens before and after the place of the suffix, each encoded by itself."""
        head, tail = self._halves(conversation.with_suffix(""))
        before, after = self._encode_all([[*self._prompt, *head], tail])
        return before, after

    def encode(self, texts: Sequence[str]) -> dict[str, tuple[int, ...]]:
        """Token ids of texts that are data."""
        distinct = list(dict.fromkeys(texts))
        if not distinct:
            return {}
        encoded = self._tokenizer(distinct, add_special_tokens=False, split_special_tokens=True)
        return {text: tuple(ids) for text, ids in zip(distinct, encoded["input_ids"], strict=True)}

    def decode(self, ids: Sequence[int]) -> str:
        """The text of token ids."""
        text: str = self._tokenizer.decode(ids, clean_up_tokenization_spaces=False)
        return text

    def spells_control(self, text: str) -> bool:
        """Whether a text holds a control token's name."""
        return any(name in text for name in self._controls)

    def _encode_all(self, all_pieces: Sequence[Sequence[Piece]]) -> list[tuple[int, ...]]:
        known = self.encode(
            [piece.text for row in all_pieces for piece in row if not piece.control]
        )
        controls = self._controls
        return [
            tuple(
                token
                for piece in row
                for token in ((controls[piece.text],) if piece.control else known[piece.text])
            )
            for row in all_pieces
        ]

    def _pieces(self, conversation: Conversation) -> list[Piece]:
        """The last piece is the beginning of the answer (or what comes before it)."""
        head, tail = self._halves(conversation)
        if self._chat:
            return [*self._prompt, *head, *tail]
        return [*self._prompt, Piece("".join(piece.text for piece in (*head, *tail)))]

    def _halves(self, conversation: Conversation) -> tuple[list[Piece], list[Piece]]:
        """What comes up to the suffix's end, and what follows."""
        return self._chat_halves(conversation) if self._chat else _plain_halves(conversation)

    def _chat_halves(self, conversation: Conversation) -> tuple[list[Piece], list[Piece]]:
        head: list[Piece] = []
        if conversation.system:
            head += _turn("system", conversation.system)
        for exchange in conversation.shown:
            head += _turn("user", exchange.question)
            head += _turn("assistant", exchange.answer)
        head += _turn("user", conversation.question + conversation.suffix)[:-1]
        tail = [Piece(END, control=True), Piece("<|assistant|>", control=True)]
        return head, [*tail, Piece(conversation.opening)]

    def _check_template(self) -> None:
        probe = Conversation("a b", system="c d", shown=(Exchange("e f", "g h"),))
        messages = [
            {"role": "system", "content": "c d"},
            {"role": "user", "content": "e f"},
            {"role": "assistant", "content": "g h"},
            {"role": "user", "content": "a b"},
        ]
        opening = "".join(piece.text for piece in self._prompt)
        rendered = opening + self._tokenizer.apply_chat_template(
            messages, tokenize=False, add_generation_prompt=True
        )
        missing = [name for name in _controls(probe, self) if name not in self._controls]
        if missing or rendered != self.text(probe):
            name = self._tokenizer.name_or_path
            raise ArtifactError(f"{name}: its chat template is not role, content, {END}")


def _controls(probe: Conversation, renderer: Renderer) -> list[str]:
    return [piece.text for piece in renderer._pieces(probe) if piece.control]


def _turn(role: str, content: str) -> list[Piece]:
    return [Piece(f"<|{role}|>", control=True), Piece(content), Piece(END, control=True)]


def _plain_halves(conversation: Conversation) -> tuple[list[Piece], list[Piece]]:
    head = conversation.system + "\n\n" if conversation.system else ""
    for exchange in conversation.shown:
        head += "User: " + exchange.question + "\nAssistant: " + exchange.answer + "\n\n"
    head += "User: " + conversation.question + conversation.suffix
    tail = "\nAssistant:" + (" " + conversation.opening if conversation.opening else "")
    return [Piece(head)], [Piece(tail)]
