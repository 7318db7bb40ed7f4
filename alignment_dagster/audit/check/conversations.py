"""Conversations and pairs as the trainers' token ids, without the trainers' code or a model.

How messages become ids is written down in training/post_training/chat_data.py; here it is done
again from the tokenizer's own file, so that a mistake there would be seen. A step reads its
documents in order; of pairs it reads the prompts with the chosen answers first, then with the
rejected ones (TRL, DataCollatorForPreference); of a question the answer that was written to it.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow.compute as pc
from tokenizers import Tokenizer

from alignment_dagster.audit.check.parquet import read_table
from alignment_dagster.foundation.digests import sha256_file
from alignment_dagster.mixing.tokenizer import load_tokenizer
from alignment_dagster.study.vocabulary import END_OF_TURN

Parts = Literal["whole", "pair", "question"]
Ids = bytes
"""Token ids as little-endian uint32."""
WIDTH = 4


@dataclass(frozen=True)
class ConsumedTokens:
    """Document → its ids: one part for a conversation or a question; chosen and rejected for a
    pair.
    """

    parts: dict[str, tuple[Ids, ...]]

    def chain(
        self, steps: Iterable[tuple[Sequence[str], Sequence[Ids] | None]]
    ) -> Iterator[tuple[str, int]]:
        """After each step: the chain in hex, and the tokens so far.

        Chain k is SHA-256(chain k-1 ‖ tokens of step k), from 32 zero bytes.

        Args:
            steps: the documents of each, and what was written to each of them, where it was.
        """
        chain, tokens = bytes(32), 0
        for documents, answers in steps:
            read = [self.parts[document] for document in documents]
            if answers is not None:
                pairs = zip(read, answers, strict=True)
                read = [(asked + answer,) for (asked,), answer in pairs]
            step = b"".join(part for side in zip(*read, strict=True) for part in side)
            chain = hashlib.sha256(chain + step).digest()
            tokens += len(step) // WIDTH
            yield chain.hex(), tokens


class ConversationEncoder:
    """Encodes each document once for each tokenizer, however many checkpoints read it."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, Parts], dict[str, tuple[Ids, ...]]] = {}

    def encode(
        self, model: Path, files: Sequence[Path], wanted: set[str], parts: Parts
    ) -> ConsumedTokens:
        """The ids of these documents, by the tokenizer that lies beside the weights in `model`.

        Raises:
            LookupError: if a document is in none of the files; names it.
        """
        tokenizer = sha256_file(model / "tokenizer.json")
        known = self._known.setdefault((tokenizer, parts), {})
        missing = wanted - known.keys()
        if missing:
            encode = MessageEncoder(model)
            for document, payload in _payloads(files, missing):
                known[document] = encode.parts(payload, parts)
        lost = wanted - known.keys()
        if lost:
            raise LookupError(f"document {sorted(lost)[0]} is in none of the sources that it read")
        return ConsumedTokens(known)


class MessageEncoder:
    """Role, words and end of each message; words that spell a special token stay words."""

    def __init__(self, model: Path) -> None:
        self._tokenizer = _tokenizer(model)
        self._end = self._id(END_OF_TURN)

    def __call__(self, messages: Sequence[dict[str, str]]) -> Ids:
        """All messages, as little-endian uint32."""
        ids: list[int] = []
        for message in messages:
            said = self._tokenizer.encode(message["content"], add_special_tokens=False).ids
            ids += [self._id(f"<|{message['role']}|>"), *said, self._end]
        return np.asarray(ids, dtype="<u4").tobytes()

    def parts(self, payload: dict[str, Any], parts: Parts) -> tuple[Ids, ...]:
        """All messages; the prompt with the chosen, and with the rejected answer; or what stands
        before the last answer, and who is to give it.
        """
        if parts == "pair":
            prompt = self(payload["prompt"])
            return prompt + self(payload["chosen"]), prompt + self(payload["rejected"])
        messages = payload["messages"]
        if parts == "whole":
            return (self(messages),)
        last = max(at for at, one in enumerate(messages) if one["role"] == "assistant")
        role = np.asarray([self._id("<|assistant|>")], dtype="<u4").tobytes()
        return (self(messages[:last]) + role,)

    def _id(self, name: str) -> int:
        found: int | None = self._tokenizer.token_to_id(name)
        if found is None:
            raise LookupError(f"the tokenizer has no {name}")
        return found


@cache
def _tokenizer(model: Path) -> Tokenizer:
    return load_tokenizer(model)


def _payloads(files: Sequence[Path], wanted: set[str]) -> Iterator[tuple[str, Any]]:
    for path in files:
        table = read_table(path, columns=["document_id", "payload"])
        ids = table["document_id"]
        table = table.filter(pc.is_in(ids, pc.cast(sorted(wanted), "string")))
        for document, payload in zip(*(column.to_pylist() for column in table), strict=True):
            yield document, json.loads(payload)
