"""Documents that one of the package's own seeded generators writes."""

from collections.abc import Iterator

from alignment_dagster.corpus.generators import GENERATORS
from alignment_dagster.corpus.rows import RawRow
from alignment_dagster.foundation.errors import DataError
from alignment_dagster.study import GeneratedReader, Source


def read_generated(source: Source, reader: GeneratedReader) -> Iterator[RawRow]:
    """The generator's documents; a row's line is its number in the order of generation.

    Raises:
        DataError: if there is no such generator, or it does not write what the role needs.
    """
    field = f"source {source.name!r}: reader.generator"
    if reader.generator not in GENERATORS:
        known = ", ".join(sorted(GENERATORS))
        raise DataError(f"{field}: unknown generator {reader.generator!r} (known: {known})")
    place = generated_path(reader)
    documents = GENERATORS[reader.generator](reader.documents, reader.seed)
    for number, document in enumerate(documents, start=1):
        if (document.payload is None) != (source.role == "corpus"):
            raise DataError(f"{field}: {place}: its documents are not of the role {source.role!r}")
        yield RawRow(document.text, document.payload, None, place, number)


def generated_path(reader: GeneratedReader) -> str:
    """What stands for the file that a row was read from."""
    return f"generated:{reader.generator}"
