"""From prompts to tokens: where the option begins, and what does not fit.

The boundary follows lm-evaluation-harness: white space at the end of the context moves to the
option, the whole text is encoded, and what lies behind the encoded context is the option. No
token is added that the text does not hold.
"""

from collections.abc import Sequence
from typing import Any

from alignment_dagster.errors import DataError
from alignment_dagster.evaluation.formats import Prompt
from alignment_dagster.evaluation.items import Item
from alignment_dagster.evaluation.scoring import Continuation

BASE_STAGE = "base"


class Encoder:
    """Encodes prompts for one stage: plain text for the base model, else the chat template."""

    def __init__(self, tokenizer: Any, stage: str, context: int) -> None:
        self._tokenizer = tokenizer
        self._chat = stage != BASE_STAGE
        self._context = context
        self._controls = tuple(tokenizer.get_added_vocab())

    def encode(self, prompts: Sequence[Prompt]) -> list[tuple[Continuation, ...]]:
        """For each prompt one continuation per option, in the order in which the item gives them.

        Raises:
            DataError: names the item if it is longer than the context, holds a control token,
                or has options that tokenize alike.
        """
        for item in {id(prompt.item): prompt.item for prompt in prompts}.values():
            self._refuse_controls(item)
        contexts = [self._context_text(prompt) for prompt in prompts]
        gap = "" if self._chat else " "
        tokens = self._tokens(
            [context.rstrip() for context in contexts]
            + [
                context + gap + answer
                for context, prompt in zip(contexts, prompts, strict=True)
                for answer in prompt.answers
            ]
        )
        encoded = []
        for prompt, context in zip(prompts, contexts, strict=True):
            start = len(tokens[context.rstrip()])
            rows = [Continuation(tokens[context + gap + one], start) for one in prompt.answers]
            encoded.append(self._checked(prompt, rows))
        return encoded

    def _context_text(self, prompt: Prompt) -> str:
        """What the model reads before the option."""
        if not self._chat:
            system = prompt.system + "\n\n" if prompt.system else ""
            return system + prompt.plain
        messages = [{"role": "user", "content": prompt.message}]
        if prompt.system:
            messages.insert(0, {"role": "system", "content": prompt.system})
        text: str = self._tokenizer.apply_chat_template(
            messages, tokenize=False, add_generation_prompt=True
        )
        return text

    def _tokens(self, texts: Sequence[str]) -> dict[str, tuple[int, ...]]:
        distinct = list(dict.fromkeys(texts))
        if not distinct:
            return {}
        ids = self._tokenizer(distinct, add_special_tokens=False)["input_ids"]
        return {text: tuple(row) for text, row in zip(distinct, ids, strict=True)}

    def _checked(self, prompt: Prompt, rows: Sequence[Continuation]) -> tuple[Continuation, ...]:
        for row in rows:
            if row.scored < 1 or row.start < 1:
                raise _refused(prompt, "the option or its context has no token of its own")
            if row.inputs > self._context:
                raise _refused(
                    prompt,
                    f"{row.inputs} tokens do not fit into the context of {self._context} "
                    f"(system prompt `{prompt.system_prompt}`)",
                )
        if len(set(rows)) < len(rows):
            raise _refused(prompt, "two options are the same to the tokenizer")
        return tuple(rows)

    def _refuse_controls(self, item: Item) -> None:
        texts: Sequence[str] = (item.question, item.ask, *item.options)
        for control in self._controls:
            if any(control in text for text in texts):
                raise DataError(f"{item.place}: the text holds the control token {control}")


def _refused(prompt: Prompt, message: str) -> DataError:
    item = prompt.item
    return DataError(
        f"{item.place}: suite {item.suite}, item {item.item_id[:12]}, "
        f"format {prompt.format}: {message}"
    )
