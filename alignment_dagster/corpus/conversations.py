"""Conversations and pairs of answers, in the forms in which they are published."""

from collections.abc import Callable
from typing import Any

from alignment_dagster.corpus.fields import Fields, read_text, read_value, require_encodable
from alignment_dagster.corpus.readers.dialogues import parse_dialogue
from alignment_dagster.corpus.rows import (
    Content,
    Message,
    RowFault,
    make_conversation,
    make_preference_pair,
)
from alignment_dagster.foundation.json_objects import JsonFault, kind_of, parse_json
from alignment_dagster.study import FieldMap

ReadContent = Callable[[Fields], Content]
END_OF_TEXT = "<|endoftext|>"
SPEAKERS = ("system", "user", "assistant")


def conversation_reader(reader: FieldMap) -> ReadContent:
    """How a row becomes a conversation: its messages, or a prompt and a completion.

    The function raises `RowFault`, which names the field.
    """
    messages, prompt, completion = reader.messages, reader.prompt, reader.completion

    def read(fields: Fields) -> Content:
        if messages is not None:
            said = _messages(messages, read_value(fields, messages))
            _check_turns(messages, said)
            return make_conversation(said)
        assert prompt is not None
        assert completion is not None
        asked = _turns(fields, prompt, "user")
        answered = _turns(fields, completion, "assistant")
        _check_turns(completion, [*asked, *answered])
        return make_conversation([*asked, *answered])

    return read


def preference_reader(reader: FieldMap) -> ReadContent:
    """How a row becomes a pair: with a prompt of its own, or with what both answers begin with.

    The function raises `RowFault`, which names the field.
    """
    names = (reader.chosen or "", reader.rejected or "")

    def read(fields: Fields) -> Content:
        if reader.prompt is not None:
            prompt = _turns(fields, reader.prompt, "user")
            chosen, rejected = (_turns(fields, name, "assistant") for name in names)
            return _pair(prompt, chosen, rejected, names)
        values = [read_value(fields, name) for name in names]
        one, two = (
            _messages(name, value)
            if isinstance(value, list)
            else parse_dialogue(read_text(fields, name), name)
            for name, value in zip(names, values, strict=True)
        )
        # What both begin with is the prompt; the last turn is never a part of it.
        longest = min(len(one), len(two)) - 1
        common = next((index for index in range(longest) if one[index] != two[index]), longest)
        if common == 0:
            raise RowFault(f"{names[0]} and {names[1]} have no common prompt")
        return _pair(one[:common], one[common:], two[common:], names)

    return read


def _pair(
    prompt: list[Message], chosen: list[Message], rejected: list[Message], names: tuple[str, str]
) -> Content:
    for name, turns in zip(names, (chosen, rejected), strict=True):
        if turns[0]["role"] != "assistant":
            message = "an Assistant turn must follow what both dialogues have in common"
            raise RowFault(f"{name}: {message}")
    if chosen == rejected:
        message = "the answers are the same: nothing can be learned from such a pair"
        raise RowFault(f"{names[0]} and {names[1]}: {message}")
    for name, turns in zip(names, (chosen, rejected), strict=True):
        _check_answer(name, turns)
    return make_preference_pair(prompt, chosen, rejected)


def _turns(fields: Fields, name: str, speaker: str) -> list[Message]:
    """A text as one turn of the speaker, or a list of messages as it stands."""
    value = read_value(fields, name)
    if isinstance(value, list):
        return _messages(name, value)
    said = read_text(fields, name).strip()
    if speaker == "assistant":
        said = said.removesuffix(END_OF_TEXT).strip()
    return [{"role": speaker, "content": said}]


def _messages(name: str, value: Any) -> list[Message]:
    """A conversation in the form of `{"role", "content"}`; a text is taken for its JSON."""
    if isinstance(value, str):
        try:
            value = parse_json(value)
        except JsonFault as fault:
            raise RowFault(f"{name}: {fault}") from None
    if not isinstance(value, list) or not value:
        got = "an empty list" if value == [] else kind_of(value)
        raise RowFault(f"{name}: expected a list of messages, got {got}")
    return [_message(f"{name}.{n}", one, n) for n, one in enumerate(value)]


def _message(name: str, value: Any, place: int) -> Message:
    if not isinstance(value, dict):
        raise RowFault(f"{name}: expected a message (`role`, `content`), got {kind_of(value)}")
    role, content = (value.get(key) for key in ("role", "content"))
    if role not in SPEAKERS:
        raise RowFault(f"{name}.role: must be one of {', '.join(SPEAKERS)}")
    if role == "system" and place:
        raise RowFault(f"{name}.role: a system message stands first")
    if value.get("tool_calls") or not isinstance(content, str):
        got = "calls of tools" if value.get("tool_calls") else kind_of(content)
        raise RowFault(f"{name}.content: expected text, got {got}")
    return {"role": role, "content": require_encodable(f"{name}.content", content).strip()}


def _check_turns(name: str, messages: list[Message]) -> None:
    """A conversation to learn from ends with what the assistant says to somebody."""
    if messages[-1]["role"] != "assistant":
        raise RowFault(f"{name}: the last message must be the assistant's")
    if all(message["role"] != "user" for message in messages):
        raise RowFault(f"{name}: no message is the user's")
    _check_answer(name, messages)


def _check_answer(name: str, messages: list[Message]) -> None:
    if not messages[-1]["content"]:
        raise RowFault(f"{name}: the answer is empty: nothing can be learned from it")
