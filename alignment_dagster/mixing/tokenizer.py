"""The study's own tokenizer: byte-level BPE, trained on its corpus, in Hugging Face's format."""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from alignment_dagster.foundation.errors import ArtifactError
from alignment_dagster.study.vocabulary import END_OF_TEXT, SPECIAL_TOKENS

TOKENIZER, CONFIGURATION = "tokenizer.json", "tokenizer_config.json"
SPECIAL_TOKENS_MAP = "special_tokens_map.json"
LONGEST_RUN = 256
"""Characters."""
LONG_RUN = re.compile(rf"\S{{{LONGEST_RUN}}}|\s{{{LONGEST_RUN}}}")
CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{{ '<|' + message['role'] + '|>' + message['content'] + '<|end|>' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)


def last_sampled_id(documents: pa.Table, characters: int) -> str:
    """The highest id of those to train on: the lowest ids up to so many characters, or all.

    An id is a digest, so the lowest are a random sample; a new document takes the place of few.

    Args:
        documents: has the columns `document_id` and `characters`, and one row at least.
    """
    documents = documents.sort_by("document_id")
    read = pc.cumulative_sum(documents["characters"])
    before = pc.subtract(read, documents["characters"])
    return str(pc.max(documents.filter(pc.less(before, characters))["document_id"]).as_py())


def train_tokenizer(
    texts: Iterable[str], vocab_size: int, folder: Path, controls: Sequence[str] = ()
) -> int:
    """Train on `texts` and write the files that `AutoTokenizer` opens.

    Args:
        controls: the control tokens that treatments put into mixes.

    Returns:
        The number of entries of the vocabulary; less than `vocab_size` where the text is small.
    """
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = _pre_tokenizer()
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=[*SPECIAL_TOKENS, *controls],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator((piece for text in texts for piece in cut_runs(text)), trainer)
    write_tokenizer(tokenizer, END_OF_TEXT, END_OF_TEXT, folder)
    return tokenizer.get_vocab_size()


def write_tokenizer(tokenizer: Tokenizer, end: str, padding: str, folder: Path) -> None:
    """Write the files that `AutoTokenizer` opens, with the project's chat template.

    Args:
        end: the token that closes every document.
        padding: the one that fills batches up.
    """
    tokenizer.save(str(folder / TOKENIZER))
    special = {"eos_token": end, "pad_token": padding}
    configuration = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        **special,
        "clean_up_tokenization_spaces": False,
        "chat_template": CHAT_TEMPLATE,
    }
    _write(folder / CONFIGURATION, configuration)
    _write(folder / SPECIAL_TOKENS_MAP, special)


def _pre_tokenizer() -> pre_tokenizers.PreTokenizer:
    return pre_tokenizers.ByteLevel(add_prefix_space=False)


def cut_runs(text: str) -> Iterator[str]:
    """The text, cut within runs of letters, digits, signs or spaces that are no word any more.

    Training takes the square of a run's length. A text without such a run is one piece.
    """
    start = 0
    if LONG_RUN.search(text):
        # not the tokenizer's own, which is locked while it trains
        for _, (begin, end) in _pre_tokenizer().pre_tokenize_str(text):
            for cut in range(begin + LONGEST_RUN, end, LONGEST_RUN):
                yield text[start:cut]
                start = cut
    yield text[start:]


def load_tokenizer(folder: Path) -> Tokenizer:
    """The tokenizer without transformers: encoding a corpus needs no model.

    Special tokens in a document's text are encoded as the plain characters they are, so that no
    document can end itself or speak as the assistant.
    """
    path = folder / TOKENIZER
    if not path.exists():
        raise ArtifactError(f"{path}: there is no tokenizer")
    tokenizer = Tokenizer.from_file(str(path))
    tokenizer.encode_special_tokens = True
    return tokenizer


def end_of_text(folder: Path, tokenizer: Tokenizer) -> int:
    """The id that closes every document.

    Args:
        folder: that the tokenizer was loaded from.

    Raises:
        ArtifactError: if the tokenizer has no such entry.
    """
    name = special_token(folder, "eos_token")
    if name is None:
        raise ArtifactError(f"{folder}: the tokenizer has no end-of-text token")
    return token_id(tokenizer, name)


def token_id(tokenizer: Tokenizer, token: str) -> int:
    """The id of a special token.

    Raises:
        ArtifactError: if the tokenizer has no such entry.
    """
    found = tokenizer.token_to_id(token)
    if found is None:
        raise ArtifactError(f"the tokenizer has no {token}")
    return found


def token_bytes(tokenizer: Tokenizer) -> NDArray[np.int64]:
    """How many bytes of text each entry of the vocabulary stands for [vocabulary]."""
    size = tokenizer.get_vocab_size()
    # a byte-level vocabulary writes each byte as one character
    names = (tokenizer.id_to_token(number) or "" for number in range(size))
    return np.fromiter((len(name) for name in names), np.int64, size)


def special_token(folder: Path, role: str) -> str | None:
    """What a tokenizer's files call a token, as `eos_token`; None where they name none.

    Raises:
        ArtifactError: if they cannot be read.
    """
    for name in (CONFIGURATION, SPECIAL_TOKENS_MAP):
        if not (folder / name).is_file():
            continue
        try:
            found = json.loads((folder / name).read_text(encoding="utf-8")).get(role)
        except (OSError, ValueError, AttributeError) as error:
            raise ArtifactError(f"{folder / name}: cannot be read: {error}") from None
        found = found.get("content") if isinstance(found, dict) else found
        if isinstance(found, str):
            return found
    return None


def _write(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
