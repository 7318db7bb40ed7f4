"""Where a declared sequence classifier lies, and which bytes it has; torch is not imported here."""

from pathlib import Path

from alignment_dagster.foundation.digests import sha256_file, sha256_json
from alignment_dagster.foundation.errors import DataError, first_line
from alignment_dagster.foundation.home import DATA_VARIABLE, data_folder
from alignment_dagster.study.classifiers import SequenceClassifier

READ = ("*.safetensors", "*.json", "*.txt", "*.model")
"""Weights, configuration and tokenizer; neither code nor pickles are fetched or read."""


def model_folder(model: SequenceClassifier) -> Path:
    """The model's folder; one of the hub is fetched where it is not on this machine yet.

    Raises:
        DataError: if it is not there.
    """
    if model.path is not None:
        data = data_folder()
        if data is None:
            raise DataError(f"model {model.path}: set {DATA_VARIABLE} to the folder that holds it")
        folder = data / model.path
    else:
        from huggingface_hub import snapshot_download  # for weight
        from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

        try:
            place = snapshot_download(
                str(model.hub), revision=model.revision, allow_patterns=list(READ)
            )
        except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
            reason = first_line(error)
            name = f"model {model.hub} at {model.revision}"
            raise DataError(f"{name}: cannot be fetched: {reason}") from None
        folder = Path(place)
    if not sorted(folder.glob("*.safetensors")):
        raise DataError(f"model {folder}: holds no *.safetensors")
    return folder


def model_digest(model: SequenceClassifier) -> str:
    """Hex SHA-256 of the names and bytes of the model's files.

    Raises:
        DataError: if it is not there.
    """
    folder = model_folder(model)
    files = sorted({path for pattern in READ for path in folder.glob(pattern)})
    return sha256_json([[path.name, sha256_file(path)] for path in files])
