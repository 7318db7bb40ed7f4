"""The Hugging Face hub: what is asked of it, at a pinned revision, and what is said when it fails.

`huggingface_hub` keeps what it fetched in its own cache (`HF_HOME`): nothing is fetched twice, and
what is there needs no network. It is imported where it is used, for its weight.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal, TypeVar

from alignment_dagster.foundation.errors import DataError, first_line

Answer = TypeVar("Answer")
Kind = Literal["dataset", "model"]
UNREACHABLE = (
    "not in the cache (HF_HOME), and the hub cannot be reached: with a network, and without "
    "HF_HUB_OFFLINE, it is fetched once and kept"
)
UNREACHED = (
    *("OfflineModeIsEnabled", "LocalEntryNotFoundError", "ConnectError", "TimeoutException"),
    *("ConnectionError", "ReadError"),
)
UNKNOWN = (
    *("RepositoryNotFoundError", "RevisionNotFoundError", "EntryNotFoundError"),
    *("DatasetNotFoundError", "DataFilesNotFoundError"),
)
"""Names of the classes that the clients raise."""


def hub_place(name: str, revision: str) -> str:
    """How messages name a repository at its revision."""
    return f"hub:{name}@{revision[:12]}"


def fetch_file(kind: Kind, repository: str, revision: str, file: str, place: str) -> Path:
    """A file of a repository on this machine.

    Raises:
        DataError: if it is not in the cache, and the hub does not give it.
    """
    from huggingface_hub import hf_hub_download

    return Path(
        ask_hub(
            kind,
            place,
            lambda: hf_hub_download(repository, file, repo_type=kind, revision=revision),
        )
    )


def fetch_folder(kind: Kind, repository: str, revision: str, wanted: Sequence[str]) -> Path:
    """The files at the top of a repository whose names match one of the patterns.

    Raises:
        DataError: if they are not in the cache, and the hub does not give them.
    """
    from huggingface_hub import snapshot_download

    return Path(
        ask_hub(
            kind,
            hub_place(repository, revision),
            lambda: snapshot_download(
                repository,
                repo_type=kind,
                revision=revision,
                allow_patterns=list(wanted),
                ignore_patterns=["*/*"],
            ),
        )
    )


def ask_hub(kind: Kind, place: str, ask: Callable[[], Answer]) -> Answer:
    """The answer of the hub's client.

    Args:
        place: what the message begins with.

    Raises:
        DataError: in one line, whatever the client raised.
    """
    try:
        return ask()
    except DataError:
        raise
    except Exception as error:
        # The clients of the hub and of HTTP below it raise a score of classes without a common one.
        raise DataError(f"{place}: {_reason(kind, error)}") from None


def _reason(kind: Kind, error: Exception) -> str:
    chain: list[BaseException] = [error]
    while (below := chain[-1].__cause__ or chain[-1].__context__) and below not in chain:
        chain.append(below)
    names = {base.__name__ for one in chain for base in type(one).__mro__}
    if "GatedRepoError" in names:
        return f"the {kind} is gated: accept its terms on the hub, and set HF_TOKEN"
    if names.intersection(UNREACHED):
        return UNREACHABLE
    if names.intersection(UNKNOWN):
        return f"the hub has no such {kind}, revision or file, or HF_TOKEN may not read it"
    return f"{type(error).__name__}: {first_line(error)}"
