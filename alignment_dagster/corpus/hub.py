"""Datasets of the Hugging Face hub: which files make up a split, and the files as they are needed.

`datasets` says which files a configuration and a split are made of, `huggingface_hub` fetches
each when it is read. Both keep what they fetched in the hub's own cache (`HF_HOME`), so that
neither is asked again for a revision that was read before, and nothing needs a network then.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

from alignment_dagster.corpus.files import SourceFile
from alignment_dagster.foundation.atomic_files import atomic_file
from alignment_dagster.foundation.digests import sha256_json
from alignment_dagster.foundation.errors import DataError, first_line
from alignment_dagster.study import HubReader

Answer = TypeVar("Answer")
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


@dataclass(frozen=True)
class HubFile:
    """A file of a dataset at its revision; fetched when it is opened, unless it is in the cache."""

    name: str
    reader: HubReader

    def open(self) -> BinaryIO:
        return self.fetch().open()

    def size(self) -> int:
        return self.fetch().size()

    def fetch(self) -> SourceFile:
        """The file on this machine.

        Raises:
            DataError: if it is not in the cache, and the hub does not give it.
        """
        # Imported here for its weight.
        from huggingface_hub import hf_hub_download

        path = ask_hub(
            self.reader, lambda: hf_hub_download(**_named(self.reader), filename=self.name)
        )
        return SourceFile(self.name, Path(path))

    @property
    def is_cached(self) -> bool:
        """Whether it is on this machine."""
        from huggingface_hub import try_to_load_from_cache

        return isinstance(try_to_load_from_cache(**_named(self.reader), filename=self.name), str)


def find_hub_files(reader: HubReader) -> tuple[HubFile, ...]:
    """The files of the declared configuration and split, in the dataset's own order.

    Raises:
        DataError: if the hub cannot be reached and nothing is cached, or there is no such dataset,
            revision, configuration or split.
    """
    # Imported here for its weight.
    from huggingface_hub import cached_assets_path, constants

    folder = cached_assets_path("alignment-dagster", reader.dataset, reader.revision)
    listed = folder / f"{sha256_json([reader.configuration, reader.split])[:16]}.json"
    if not listed.is_file():
        offline = bool(constants.HF_HUB_OFFLINE)
        if offline and any(not _read(other)["offline"] for other in folder.glob("*.json")):
            # Parts of the dataset were fetched from here: what is cached is no whole snapshot.
            raise DataError(f"{_place(reader)}: {UNREACHABLE}")
        names = ask_hub(reader, lambda: (_snapshot_files if offline else _hub_files)(reader))
        with atomic_file(listed) as aside:
            aside.write_text(json.dumps({"offline": offline, "files": names}), encoding="utf-8")
    return tuple(HubFile(name, reader) for name in _read(listed)["files"])


def _read(listed: Path) -> Any:
    return json.loads(listed.read_text(encoding="utf-8"))


def _named(reader: HubReader) -> dict[str, Any]:
    return {"repo_id": reader.dataset, "repo_type": "dataset", "revision": reader.revision}


def _snapshot_files(reader: HubReader) -> list[str]:
    """Paths in the repository, of the snapshot that somebody put into the cache."""
    # Imported here for their weight.
    from datasets import load_dataset_builder
    from huggingface_hub import snapshot_download

    snapshot = Path(snapshot_download(**_named(reader), local_files_only=True))
    found = _split_files(reader, load_dataset_builder(str(snapshot), reader.configuration))
    return [Path(path).relative_to(snapshot).as_posix() for path in found]


def _hub_files(reader: HubReader) -> list[str]:
    """Paths in the repository, as the hub lists them."""
    from datasets import load_dataset_builder

    builder = load_dataset_builder(reader.dataset, reader.configuration, revision=reader.revision)
    found = _split_files(reader, builder)
    start = f"hf://datasets/{reader.dataset}@{reader.revision}/"
    if not all(path.startswith(start) for path in found):
        # Without the hub the library falls back on what it cached of any revision.
        raise DataError(f"{_place(reader)}: {UNREACHABLE}")
    return [path.removeprefix(start) for path in found]


def _split_files(reader: HubReader, builder: Any) -> Sequence[str]:
    splits = builder.config.data_files or {}
    if reader.split not in splits:
        known = ", ".join(map(str, splits)) or "none"
        raise DataError(f"{_place(reader)}: there is no split {reader.split!r} (splits: {known})")
    return [str(path) for path in splits[reader.split]]


def ask_hub(reader: HubReader, ask: Callable[[], Answer]) -> Answer:
    """The answer of the hub's client.

    Raises:
        DataError: in one line, whatever the client raised.
    """
    try:
        return ask()
    except DataError:
        raise
    except Exception as error:
        # The clients of the hub and of HTTP below it raise a score of classes without a common one.
        raise DataError(f"{_place(reader)}: {_reason(error)}") from None


def _reason(error: Exception) -> str:
    chain: list[BaseException] = [error]
    while (below := chain[-1].__cause__ or chain[-1].__context__) and below not in chain:
        chain.append(below)
    names = {base.__name__ for one in chain for base in type(one).__mro__}
    if "GatedRepoError" in names:
        return "the dataset is gated: accept its terms on the hub, and set HF_TOKEN"
    if names.intersection(UNREACHED):
        return UNREACHABLE
    if names.intersection(UNKNOWN):
        return "the hub has no such dataset, revision or file, or HF_TOKEN may not read it"
    return f"{type(error).__name__}: {first_line(error)}"


def _place(reader: HubReader) -> str:
    parts = [reader.dataset, *([reader.configuration] if reader.configuration else [])]
    return f"hub:{'/'.join(parts)}@{reader.revision[:12]}"
