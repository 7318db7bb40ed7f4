"""Where a model that was trained elsewhere lies, and which bytes it has.

Weights are safetensors, or a GGUF file; neither code nor pickles are fetched or read. Nothing here
imports torch.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from alignment_dagster.foundation.digests import sha256_file, sha256_json
from alignment_dagster.foundation.errors import DataError
from alignment_dagster.foundation.home import DATA_VARIABLE, data_folder
from alignment_dagster.foundation.hub import UNREACHABLE, fetch_folder, hub_place

WEIGHTS, INDEX, GGUF = "*.safetensors", "model.safetensors.index.json", ".gguf"
READ = (WEIGHTS, "*.json", "*.txt", "*.model")
"""Weights, configuration and tokenizer."""
WITHOUT_WEIGHTS = READ[1:]
ADAPTER = "adapter_config.json"
"""transformers would put it onto weights from elsewhere, whatever the configuration says."""


class DeclaredFiles(Protocol):
    """A model as it is declared: one of `path` and `hub`, and for `hub` its revision."""

    @property
    def path(self) -> str | None:
        """Relative to the data folder."""

    @property
    def hub(self) -> str | None:
        """A name on the hub."""

    @property
    def revision(self) -> str | None:
        """The commit."""


def require_one_place(declared: DeclaredFiles) -> None:
    """Refuse a declaration that says twice or nowhere where the model is.

    Raises:
        ValueError: says what is wrong.
    """
    if (declared.path is None) == (declared.hub is None):
        raise ValueError("give exactly one of `path` and `hub`")
    if (declared.hub is None) != (declared.revision is None):
        raise ValueError("`revision` names the commit of a `hub` name, which must have one")


def model_place(declared: DeclaredFiles) -> str:
    """How messages and pages name the model."""
    if declared.path is not None:
        return declared.path
    return hub_place(str(declared.hub), str(declared.revision))


def model_path(declared: DeclaredFiles, *, weights: bool = True) -> Path:
    """The model's folder, or its GGUF file; one of the hub is fetched where it is not here yet.

    Args:
        weights: whether they are wanted; of the hub they are not fetched otherwise.

    Raises:
        DataError: if it is not there, or holds no weights that are read here.
    """
    place = model_place(declared)
    if declared.path is None:
        wanted = READ if weights else WITHOUT_WEIGHTS
        found = fetch_folder("model", str(declared.hub), str(declared.revision), wanted)
    else:
        data = data_folder()
        if data is None:
            raise DataError(f"model {place}: set {DATA_VARIABLE} to the folder that holds it")
        found = data / declared.path
    if found.is_file() and found.suffix == GGUF:
        return found
    if not found.is_dir():
        raise DataError(f"model {place}: there is no folder {found}")
    if (found / ADAPTER).is_file():
        raise DataError(f"model {place}: holds an adapter ({ADAPTER}): merge it into the weights")
    if not weights and declared.hub is not None:
        return found
    missing = _missing_weights(found)
    if missing and declared.hub is not None:
        raise DataError(f"model {place}: {missing[0]}: {UNREACHABLE}")
    if missing:
        raise DataError(f"model {place}: holds no {missing[0]}")
    return found


def _missing_weights(folder: Path) -> Sequence[str]:
    """What an index of weights names and is not there; without one, any weights."""
    if not (folder / INDEX).is_file():
        return () if any(folder.glob(WEIGHTS)) else (WEIGHTS,)
    try:
        named = json.loads((folder / INDEX).read_text(encoding="utf-8"))["weight_map"].values()
    except (OSError, ValueError, KeyError, AttributeError) as error:
        raise DataError(f"model {folder}: {INDEX} cannot be read: {error!r}") from None
    return sorted({str(name) for name in named if not (folder / Path(str(name)).name).is_file()})


def model_digest(declared: DeclaredFiles) -> str:
    """Hex SHA-256 of the names and bytes of the model's files.

    Raises:
        DataError: as `model_path`.
    """
    return _digest(model_path(declared), READ)


def tokenizer_digest(declared: DeclaredFiles) -> str:
    """The same of all but the weights.

    Raises:
        DataError: as `model_path`.
    """
    return _digest(model_path(declared, weights=False), WITHOUT_WEIGHTS)


def _digest(path: Path, patterns: Sequence[str]) -> str:
    found = {path} if path.is_file() else {one for each in patterns for one in path.glob(each)}
    return sha256_json([[file.name, sha256_file(file)] for file in sorted(found)])
