"""Documents that one of the package's own seeded generators writes."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from alignment_dagster.corpus.rows import RawRow
from alignment_dagster.foundation.errors import DataError
from alignment_dagster.study import GeneratedReader, Source


def read_generated(source: Source, reader: GeneratedReader) -> Iterator[RawRow]:
    """The generator's documents; a row's line is its number in the order of generation.

    Raises:
        DataError: if there is no such generator, or it does not write what the role needs.
    """
    place = f"generated:{reader.generator}"
    for number, document in enumerate(_generate(source, reader), start=1):
        if (document.payload is None) != (source.role == "corpus"):
            message = f"its documents are not of the role {source.role!r}"
            raise DataError(f"source {source.name!r}: reader.generator: {place}: {message}")
        yield RawRow(document.text, document.payload, None, place, number)


def _generate(source: Source, reader: GeneratedReader) -> Iterable[Any]:
    # The generators are imported where they are used: readers of files do without them.
    from alignment_dagster.corpus.generators import GENERATORS

    generators: dict[str, Callable[[int, int], Iterable[Any]]] = dict(GENERATORS)
    if reader.generator not in generators:
        known = ", ".join(sorted(generators))
        message = f"unknown generator {reader.generator!r} (known: {known})"
        raise DataError(f"source {source.name!r}: reader.generator: {message}")
    return generators[reader.generator](reader.documents, reader.seed)
