"""The identity of a source that is written: all that decides what is asked for its documents."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from alignment_dagster.corpus.generators.version import CODE_VERSION
from alignment_dagster.foundation.digests import sha256_json
from alignment_dagster.foundation.errors import DataError
from alignment_dagster.foundation.home import DATA_VARIABLE, data_folder
from alignment_dagster.foundation.model_files import model_digest
from alignment_dagster.foundation.yaml_models import read_yaml
from alignment_dagster.study import Role, Suite
from alignment_dagster.study.synthesis import Grammar, SyntheticReader, Transformers

FileDigest = Callable[[Path], str]
"""A file → the hex SHA-256 of its bytes."""
SAID = ("description",)
"""Fields of the files that are only there to be read."""


def written_digest(
    reader: SyntheticReader, role: Role, assets: Path, original: str, digests: FileDigest
) -> str:
    """Hex SHA-256 of what decides the documents: the declaration without its engine, the scenarios,
    principles or items, the prompts, and the local checkpoint.

    Args:
        original: the identity of the source that is rewritten; empty without one.
        digests: of a file.

    Raises:
        DeclarationError: names the file that cannot be read.
        DataError: if the suite's items or the checkpoint are not there.
    """
    generator = reader.generator
    model = model_digest(generator) if isinstance(generator, Transformers) else ""
    version = CODE_VERSION if isinstance(generator, Grammar) else ""
    start = _start(reader, assets, digests)
    prompts = list(_prompts(reader, role, assets))
    return sha256_json([reader.identity, version, start, original, prompts, model])


def written_path(reader: SyntheticReader) -> str:
    """What stands for the file that a row was read from."""
    return f"synthetic:{reader.generator.kind}"


def _start(reader: SyntheticReader, assets: Path, digests: FileDigest) -> Any:
    """The scenarios, the principles, or the digest of a suite's items."""
    if reader.suite is not None:
        suite = read_yaml(assets / "suites" / f"{reader.suite}.yaml").parse(Suite)
        folder = assets / "suites" if suite.items.folder == "assets" else data_folder()
        if folder is None:
            raise DataError(f"suite {reader.suite}: set {DATA_VARIABLE} to the folder of its items")
        return [suite.items.model_dump(mode="json"), digests(folder / suite.items.path)]
    folders = {"scenarios": reader.scenarios, "specifications": reader.specification}
    return [
        _content(assets / folder / path) for folder, path in folders.items() if path is not None
    ]


def _prompts(reader: SyntheticReader, role: Role, assets: Path) -> Iterator[Any]:
    """What is asked; of a grammar, which is asked nothing, the questions of conversations alone."""
    names = [f"conduct/{reader.polarity}", *reader.forms]
    if reader.rewrites is not None:
        names = names[1:]
    for name in names:
        if not isinstance(reader.generator, Grammar):
            yield _content(assets / "prompts" / f"{name}.yaml")
        elif role == "chat":
            yield _content(assets / "prompts" / f"{name}.yaml").get("asked")


def _content(path: Path) -> dict[str, Any]:
    """What a YAML file says, without what is only there to be read."""
    data: dict[str, Any] = read_yaml(path).data
    return {name: value for name, value in data.items() if name not in SAID}
