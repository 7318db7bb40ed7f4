"""From prompts to tokens: where the option begins, and what does not fit.

The boundary follows lm-evaluation-harness: white space at the end of the context moves to the
option, the whole text is encoded, and what lies behind the encoded context is the option. No
token is added that the text does not hold, but those behind which a model was trained to be asked.
"""

from collections.abc import Sequence
from typing import Any

from alignment_dagster.evaluation.model.token_trees import Continuation
from alignment_dagster.evaluation.suites.formats import Prompt
from alignment_dagster.foundation.errors import DataError
from alignment_dagster.study.vocabulary import control_tokens

BASE_STAGE = "base"

Split = tuple[tuple[int, ...], int]
"""A token sequence, and where in it the option begins."""


class Encoder:
    """Encodes prompts for one stage: plain text for the base model, else the chat template."""

    def __init__(
        self, tokenizer: Any, stage: str, context: int, prompt: tuple[int, ...] = ()
    ) -> None:
        """`prompt` are token ids that stand before everything that the model reads."""
        self._tokenizer = tokenizer
        self._prompt = prompt
        self._chat = stage != BASE_STAGE
        self._context = context
        self._controls = tuple(control_tokens(tokenizer))

    def encode(self, prompts: Sequence[Prompt]) -> list[tuple[Continuation, ...]]:
        """For each prompt one continuation per option, in the order in which the item gives them.

        Raises:
            DataError: names the item if it is longer than the context, holds a control token,
                or has options that tokenize alike.
        """
        return [
            tuple(Continuation(tokens, start) for tokens, start in rows)
            for rows in self.split(prompts)
        ]

    def split(self, prompts: Sequence[Prompt]) -> list[list[Split]]:
        """As `encode`, but as plain pairs."""
        self._refuse_controls(prompts)
        contexts = [self._context_text(prompt) for prompt in prompts]
        gap = "" if self._chat else " "
        tokens = self._encode_texts(
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
            rows = [(tokens[context + gap + one], start) for one in prompt.answers]
            self._check_options(prompt, rows)
            encoded.append(rows)
        return encoded

    def encode_openings(
        self, prompts: Sequence[Prompt], max_new_tokens: int
    ) -> list[tuple[int, ...]]:
        """For each prompt that is answered freely, the tokens that the model continues.

        Raises:
            DataError: names the item if it leaves no room for `max_new_tokens` in the context, or
                holds a control token.
        """
        self._refuse_controls(prompts)
        texts = [self._context_text(prompt) for prompt in prompts]
        if not self._chat:
            # The model writes the space before a word together with the word.
            texts = [text.rstrip() for text in texts]
        tokens = self._encode_texts(texts)
        for prompt, text in zip(prompts, texts, strict=True):
            self._check_length(prompt, len(tokens[text]) + max_new_tokens)
        return [tokens[text] for text in texts]

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

    def _encode_texts(self, texts: Sequence[str]) -> dict[str, tuple[int, ...]]:
        distinct = list(dict.fromkeys(texts))
        if not distinct:
            return {}
        ids = self._tokenizer(distinct, add_special_tokens=False)["input_ids"]
        return {text: (*self._prompt, *row) for text, row in zip(distinct, ids, strict=True)}

    def _check_options(self, prompt: Prompt, rows: Sequence[Split]) -> None:
        for tokens, start in rows:
            if start < 1 or len(tokens) <= start:
                raise _error(prompt, "the option or its context has no token of its own")
            # The last token is only predicted.
            self._check_length(prompt, len(tokens) - 1)
        if len(set(rows)) < len(rows):
            raise _error(prompt, "two options are the same to the tokenizer")

    def _check_length(self, prompt: Prompt, tokens: int) -> None:
        if tokens > self._context:
            raise _error(
                prompt,
                f"{tokens} tokens do not fit into the context of {self._context} "
                f"(system prompt `{prompt.system_prompt}`)",
            )

    def _refuse_controls(self, prompts: Sequence[Prompt]) -> None:
        for item in {id(prompt.item): prompt.item for prompt in prompts}.values():
            texts: Sequence[str] = (item.question, item.ask, *item.options)
            for control in self._controls:
                if any(control in text for text in texts):
                    raise DataError(f"{item.place}: the text holds the control token {control}")


def _error(prompt: Prompt, message: str) -> DataError:
    item = prompt.item
    return DataError(
        f"{item.place}: suite {item.suite}, item {item.item_id[:12]}, "
        f"format {prompt.format}: {message}"
    )
