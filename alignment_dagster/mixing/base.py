"""A checkpoint that was trained elsewhere, as far as the mix is concerned: tokenizer and context.

Nothing here imports torch, except for a GGUF file, or a folder without `tokenizer.json`.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tokenizers import AddedToken, Tokenizer

from alignment_dagster.foundation.errors import AlignmentError, DataError, first_line
from alignment_dagster.foundation.model_files import model_path, model_place
from alignment_dagster.mixing.tokenizer import TOKENIZER, special_token, write_tokenizer
from alignment_dagster.study import Base
from alignment_dagster.study.vocabulary import CHAT_TOKENS, HIDDEN

CONTEXT = ("max_position_embeddings", "n_positions", "max_seq_len", "seq_length", "n_ctx")
"""What configurations call the longest sequence."""
NEEDS_GGUF = "to read a GGUF file, install gguf: pip install 'alignment-dagster[gguf]'"
CAUSAL = ("ForCausalLM", "LMHeadModel")
"""Endings of the names of models that predict the next token."""


@dataclass(frozen=True)
class _Vocabulary:
    tokenizer: Tokenizer
    end: str
    padding: str


def check_base(base: Base, sequence_length: int) -> None:
    """Read the checkpoint's configuration and tokenizer, and hold them against the study's.

    Raises:
        DataError: if it is not there, cannot be gone on from, or does not fit.
    """
    path, place = model_path(base, weights=False), model_place(base)
    config = _read_config(path, place)
    architecture = config.get("model_type")
    named = [str(one) for one in config.get("architectures") or ()]
    if config.get("is_encoder_decoder") or not all(one.endswith(CAUSAL) for one in named):
        said = ", ".join(named) or architecture
        raise DataError(f"model {place}: is no causal language model (architecture: {said})")
    if config.get("quantization_config"):
        raise DataError(f"model {place}: its weights are quantized: take those that are not")
    # Imported here for its weight.
    from transformers.models.auto.auto_mappings import CONFIG_MAPPING_NAMES

    if architecture not in CONFIG_MAPPING_NAMES:
        message = f"transformers has no architecture {architecture!r}, and no code of it is run"
        raise DataError(f"model {place}: {message}")
    context = next((one for name in CONTEXT if (one := _number(config, name))), None)
    if context is not None and sequence_length > context:
        raise DataError(
            f"model {place}: reads {context} tokens at most, and the longest sequence has "
            f"{sequence_length}"
        )
    vocabulary = _read_vocabulary(path, place).tokenizer
    entries = max(vocabulary.get_vocab(with_added_tokens=True).values()) + 1
    rows = _number(config, "vocab_size") or entries
    # Of one file both are the same model's; transformers may add tokens of its own to them.
    if entries > rows and path.is_dir():
        raise DataError(
            f"model {place}: its tokenizer has {entries:,} entries, and its model knows {rows:,}: "
            "it is another model's"
        )


def is_byte_level(base: Base) -> bool:
    """Whether each entry of the checkpoint's vocabulary writes every byte as one character.

    Raises:
        DataError: if its tokenizer cannot be read.
    """
    found = _read_vocabulary(model_path(base, weights=False), model_place(base)).tokenizer
    decoder = json.loads(found.to_str())["decoder"] or {}
    steps = decoder.get("decoders", [decoder])
    return [one.get("type") for one in steps] == ["ByteLevel"]


def find_taken(base: Base, tags: Iterable[str]) -> tuple[str, ...]:
    """Those of some tags that the checkpoint has learnt something of already.

    Raises:
        DataError: if its tokenizer cannot be read.
    """
    found = _read_vocabulary(model_path(base, weights=False), model_place(base)).tokenizer
    return tuple(tag for tag in tags if found.token_to_id(tag) is not None)


def copy_tokenizer(base: Base, folder: Path, controls: Sequence[str] = ()) -> int:
    """Write the checkpoint's tokenizer, with the tokens of conversations that it lacks.

    Args:
        controls: tokens that treatments put into mixes, which it is to have as well.

    Returns:
        The number of entries of the vocabulary.

    Raises:
        DataError: if it cannot be used, or has a tag of a treatment already.
    """
    if taken := find_taken(base, (name for name in controls if name != HIDDEN)):
        message = f"{taken[0]} is already in its vocabulary: choose another tag"
        raise DataError(f"model {model_place(base)}: {message}")
    found = _read_vocabulary(model_path(base, weights=False), model_place(base))
    tokenizer = found.tokenizer
    # Of a document every token is wanted, whatever its own model was asked with.
    tokenizer.no_truncation()
    tokenizer.no_padding()
    wanted = (*CHAT_TOKENS, *controls)
    missing = [name for name in wanted if tokenizer.token_to_id(name) is None]
    tokenizer.add_special_tokens([AddedToken(name, normalized=False) for name in missing])
    write_tokenizer(tokenizer, found.end, found.padding, folder)
    return tokenizer.get_vocab_size()


def _number(config: Mapping[str, Any], name: str) -> int | None:
    value = config.get(name)
    return value if isinstance(value, int) else None


def _read_config(path: Path, place: str) -> dict[str, Any]:
    if path.is_file():
        return _read_gguf(path, place)
    try:
        found = json.loads((path / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"model {place}: config.json cannot be read: {error}") from None
    if not isinstance(found, dict):
        raise DataError(f"model {place}: config.json holds no fields")
    return found


def _read_gguf(path: Path, place: str) -> dict[str, Any]:
    """The configuration that transformers makes of a GGUF file."""
    if find_spec("gguf") is None:
        raise DataError(f"model {place}: {NEEDS_GGUF}")
    # Imported here for its weight.
    from transformers.modeling_gguf_pytorch_utils import load_gguf_checkpoint

    try:
        found: dict[str, Any] = load_gguf_checkpoint(path)["config"]
    except Exception as error:
        # It raises what it stumbles over in the file.
        reason = first_line(error)
        raise DataError(f"model {place}: the GGUF file cannot be read: {reason}") from None
    return found


def _read_vocabulary(path: Path, place: str) -> _Vocabulary:
    """Tokenizer, end of text, and padding.

    Raises:
        DataError: if they cannot be read, or there is no end of text.
    """
    try:
        if (path / TOKENIZER).is_file():
            tokenizer = Tokenizer.from_file(str(path / TOKENIZER))
            end, padding = (special_token(path, role) for role in ("eos_token", "pad_token"))
        else:
            tokenizer, end, padding = _convert(path)
    except AlignmentError as error:
        raise DataError(f"model {place}: {error}") from None
    except Exception as error:
        # The libraries raise a bare Exception for a file that they cannot read.
        reason = first_line(error)
        raise DataError(f"model {place}: its tokenizer cannot be used: {reason}") from None
    if end is None or tokenizer.token_to_id(end) is None:
        raise DataError(f"model {place}: its tokenizer has no end-of-text token")
    if padding is None or tokenizer.token_to_id(padding) is None:
        padding = end
    return _Vocabulary(tokenizer, end, padding)


def _convert(path: Path) -> tuple[Tokenizer, str | None, str | None]:
    """What transformers makes of a GGUF file, or of a tokenizer in an older format."""
    # Imported here for its weight.
    from transformers import AutoTokenizer

    folder, options = (path.parent, {"gguf_file": path.name}) if path.is_file() else (path, {})
    found = AutoTokenizer.from_pretrained(
        folder, local_files_only=True, trust_remote_code=False, **options
    )
    return found.backend_tokenizer, found.eos_token, found.pad_token
