"""Whether every item fits into the models' context: known as soon as there is a tokenizer.

Nothing here imports torch or transformers, so it can be asked before anything is trained.
"""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from alignment_dagster.evaluation.suites.encoding import BASE_STAGE, Encoder
from alignment_dagster.evaluation.suites.formats import make_prompts
from alignment_dagster.evaluation.suites.loader import load_suite
from alignment_dagster.foundation.errors import ArtifactError
from alignment_dagster.study import Suite

POST_TRAINED = "dpo"
"""Any post-trained stage: all are asked through the same template."""


def check_items_fit(
    suites: Iterable[Suite], study_assets: Path, tokenizer: Path, context: int
) -> int:
    """Encode every item as `evaluation` will, as plain text and through the chat template.

    Args:
        suites: of the study; what is answered freely must leave room for `max_new_tokens`.
        study_assets: the folder that holds `suites/`.
        tokenizer: a folder with `tokenizer.json` and a chat template.
        context: of the models, in tokens.

    Returns:
        The longest prompt with its longest option (or with its answer's room), in tokens.

    Raises:
        DataError: names file and line of the first item that is longer than the context, holds a
            control token, or has options that tokenize alike.
    """
    encoders = [
        Encoder(_ChatTokenizer(tokenizer), stage, context) for stage in (BASE_STAGE, POST_TRAINED)
    ]
    longest = 0
    for suite in suites:
        asked = list(make_prompts(suite, load_suite(suite, study_assets)))
        for encoder in encoders:
            if suite.has_options:
                rows = [row for rows in encoder.split(asked) for row in rows]
                lengths = [len(tokens) - 1 for tokens, _ in rows]
            else:
                room = suite.max_new_tokens
                lengths = [len(tokens) + room for tokens in encoder.encode_openings(asked, room)]
            longest = max(longest, *lengths)
    return longest


class _ChatTokenizer:
    """The three calls of a transformers tokenizer that encoding needs."""

    def __init__(self, folder: Path) -> None:
        try:
            self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
            self._template = _chat_template(folder)
        except Exception as error:
            # The library raises a bare Exception for a file that it cannot read.
            raise ArtifactError(f"{folder}: there is no usable tokenizer: {error}") from error

    @property
    def added_tokens_decoder(self) -> dict[int, Any]:
        found: dict[int, Any] = self._tokenizer.get_added_tokens_decoder()
        return found

    def __call__(self, texts: Sequence[str], add_special_tokens: bool) -> dict[str, Any]:
        encoded = self._tokenizer.encode_batch(list(texts), add_special_tokens=add_special_tokens)
        return {"input_ids": [one.ids for one in encoded]}

    def apply_chat_template(
        self, messages: Sequence[dict[str, str]], tokenize: bool, add_generation_prompt: bool
    ) -> str:
        rendered = self._template.render(
            messages=messages, add_generation_prompt=add_generation_prompt
        )
        return str(rendered)


def _chat_template(folder: Path) -> Any:
    """The compiled template, from the file of its own that newer versions of transformers write,
    or from the configuration.
    """
    # Imported here for its weight: few processes render templates.
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    own = folder / "chat_template.jinja"
    if own.is_file():
        text = own.read_text(encoding="utf-8")
    else:
        config = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))
        text = str(config["chat_template"])
    # The options are those of transformers.
    return ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True).from_string(text)
