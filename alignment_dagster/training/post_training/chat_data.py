"""Conversations and preference pairs as token ids, selected the same way for every model.

Content is data: a text that spells `<|end|>` becomes ordinary tokens, never the special one. That
is why the ids are put together here, message by message, and not by rendering a template.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import pyarrow.parquet as pq

from alignment_dagster.foundation.digests import sha256_text
from alignment_dagster.foundation.errors import ArtifactError, DataError

IGNORED = -100
ROLES = ("system", "user", "assistant")
END = "<|end|>"
PROBE = [{"role": "user", "content": "a b"}, {"role": "assistant", "content": "c d"}]

Message = dict[str, str]


@dataclass(frozen=True)
class Conversation:
    """A conversation; `labels` are the ids of the assistant's words and ends, else -100."""

    document_id: str
    input_ids: list[int]
    labels: list[int]

    @property
    def length(self) -> int:
        """Tokens."""
        return len(self.input_ids)


@dataclass(frozen=True)
class Pair:
    """Two answers to one prompt; the prompt ends with the assistant's role token."""

    document_id: str
    prompt_ids: list[int]
    chosen_ids: list[int]
    rejected_ids: list[int]

    @property
    def length(self) -> int:
        """Tokens of the prompt with the longer answer."""
        return len(self.prompt_ids) + max(len(self.chosen_ids), len(self.rejected_ids))


@dataclass(frozen=True)
class Question:
    """What an answer is to be written to; it ends with the assistant's role token."""

    document_id: str
    prompt_ids: list[int]
    answer_tokens: int
    """Room for the answer."""

    @property
    def length(self) -> int:
        """Tokens of the question with the longest answer."""
        return len(self.prompt_ids) + self.answer_tokens


AnyExample = TypeVar("AnyExample", Conversation, Pair, Question)


@dataclass(frozen=True)
class Selection(Generic[AnyExample]):
    """The examples trained on, how many were passed over as too long, how many there were."""

    examples: list[AnyExample]
    too_long: int
    available: int


class ChatEncoder:
    """Messages to token ids, as the tokenizer's chat template renders harmless text."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        vocabulary = tokenizer.get_vocab()
        missing = [
            name for name in (*(f"<|{role}|>" for role in ROLES), END) if name not in vocabulary
        ]
        if missing:
            raise ArtifactError(f"{tokenizer.name_or_path}: no chat token {', '.join(missing)}")
        self._roles = {role: vocabulary[f"<|{role}|>"] for role in ROLES}
        self._end = vocabulary[END]
        rendered = tokenizer.apply_chat_template(PROBE, tokenize=True, return_dict=False)
        if rendered != self._encode(PROBE)[0]:
            raise ArtifactError(
                f"{tokenizer.name_or_path}: its chat template is not role, content, {END}"
            )

    def conversation(self, document_id: str, payload: Any) -> Conversation:
        """`payload`: {"messages": [{"role", "content"}, …]} with at least one answer."""
        ids, labels = self._encode(payload["messages"])
        if all(label == IGNORED for label in labels):
            raise DataError(f"document {document_id}: the conversation holds no assistant message")
        return Conversation(document_id, ids, labels)

    def pair(self, document_id: str, payload: Any) -> Pair:
        """`payload`: {"prompt": [messages], "chosen": [messages], "rejected": [messages]}."""
        prompt, _ = self._encode(payload["prompt"])
        chosen, rejected = (self._encode(payload[name])[0] for name in ("chosen", "rejected"))
        assistant = self._roles["assistant"]
        if chosen[:1] != [assistant] or rejected[:1] != [assistant]:
            raise DataError(f"document {document_id}: an answer does not begin with the assistant")
        if chosen == rejected:
            raise DataError(f"document {document_id}: chosen and rejected are the same")
        return Pair(document_id, [*prompt, assistant], chosen[1:], rejected[1:])

    def question(self, document_id: str, payload: Any, answer_tokens: int) -> Question:
        """`payload`: as a conversation's, whose last answer is left out, with what follows it."""
        messages = payload["messages"]
        answers = [at for at, one in enumerate(messages) if one["role"] == "assistant"]
        if not answers or not answers[-1]:
            raise DataError(f"document {document_id}: the conversation asks no question")
        prompt, _ = self._encode(messages[: answers[-1]])
        return Question(document_id, [*prompt, self._roles["assistant"]], answer_tokens)

    def _encode(self, messages: list[Message]) -> tuple[list[int], list[int]]:
        ids: list[int] = []
        labels: list[int] = []
        for message in messages:
            role = self._roles[message["role"]]
            content = self._tokenizer(
                message["content"], add_special_tokens=False, split_special_tokens=True
            )
            answer = [*content["input_ids"], self._end]
            ids += [role, *answer]
            labels += [
                IGNORED,
                *(answer if message["role"] == "assistant" else [IGNORED] * len(answer)),
            ]
        return ids, labels


def read_kept_ids(dispositions: Path, use: str) -> frozenset[str]:
    """The ids of the documents that are kept for a use (`sft` or `dpo`)."""
    table = pq.read_table(dispositions, columns=["document_id", "use", "state"])
    rows = table.to_pylist()
    return frozenset(
        row["document_id"] for row in rows if row["use"] == use and row["state"] == "kept"
    )


def select(
    files: tuple[str, ...],
    kept: frozenset[str],
    encode: Callable[[str, Any], AnyExample],
    limit: int | None,
    longest: int,
) -> Selection[AnyExample]:
    """The first `limit` kept documents that fit, in the order of a hash of their ids.

    The order does not depend on a training seed: every model gets the same examples.

    Raises:
        DataError: if none is left, or a payload is malformed; names the document.
    """
    tables = [pq.read_table(path, columns=["document_id", "payload"]) for path in files]
    rows = (row for table in tables for row in table.to_pylist())
    documents = {row["document_id"]: row["payload"] for row in rows if row["document_id"] in kept}
    examples: list[AnyExample] = []
    too_long = 0
    for document_id in sorted(documents, key=lambda key: sha256_text("selection", key)):
        if limit is not None and len(examples) == limit:
            break
        example = _encode_payload(document_id, documents[document_id], encode)
        if example.length > longest:
            too_long += 1
        else:
            examples.append(example)
    if not examples:
        raise DataError(
            f"{', '.join(files) or 'post-training'}: no kept document fits {longest} tokens "
            f"({len(documents)} kept, {too_long} too long)"
        )
    return Selection(examples, too_long, len(documents))


def take_tokens(
    selection: Selection[Conversation], tokens: int, repeats: int
) -> Selection[Conversation]:
    """The first examples whose answers have as many tokens together, from the first again where
    there are too few.

    Raises:
        DataError: if all of them, so many times, have fewer.
    """
    learnt, taken = 0, list[Conversation]()
    for example in selection.examples * repeats:
        if learnt >= tokens:
            break
        learnt += sum(label != IGNORED for label in example.labels)
        taken.append(example)
    if learnt < tokens:
        raise DataError(
            f"fine_tune.share: {tokens:,} tokens of answers are wanted, and there are "
            f"{learnt // repeats:,}, which are read {repeats} times at most (mix.max_repeats)"
        )
    return Selection(taken, selection.too_long, selection.available)


def _encode_payload(
    document_id: str, payload: str, encode: Callable[[str, Any], AnyExample]
) -> AnyExample:
    try:
        return encode(document_id, json.loads(payload))
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"document {document_id}: its payload is malformed: {error!r}") from None
