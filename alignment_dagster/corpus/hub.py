"""Datasets of the Hugging Face hub: which files make up a split, and the files as they are needed.

`datasets` says which files a configuration and a split are made of, `huggingface_hub` fetches
each when it is read. Both keep what they fetched in the hub's own cache (`HF_HOME`), so that
neither is asked again for a revision that was read before, and nothing needs a network then.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from alignment_dagster.corpus.files import SourceFile
from alignment_dagster.foundation.atomic_files import atomic_file
from alignment_dagster.foundation.digests import sha256_json
from alignment_dagster.foundation.errors import DataError
from alignment_dagster.foundation.hub import UNREACHABLE, ask_hub, fetch_file, hub_place
from alignment_dagster.study import HubReader


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
        reader = self.reader
        found = fetch_file("dataset", reader.dataset, reader.revision, self.name, _place(reader))
        return SourceFile(self.name, found)

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
        names = ask_hub(
            "dataset", _place(reader), lambda: (_snapshot_files if offline else _hub_files)(reader)
        )
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


def _place(reader: HubReader) -> str:
    parts = [reader.dataset, *([reader.configuration] if reader.configuration else [])]
    return hub_place("/".join(parts), reader.revision)
