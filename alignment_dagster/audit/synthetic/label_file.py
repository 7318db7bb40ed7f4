"""A CSV file in which a person says what the AI in written documents does, and back.

It names neither the source nor the polarity that was asked for: who labels is not told what is
expected. Cells that a spreadsheet would take for formulas begin with an apostrophe.
"""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, zip_longest
from pathlib import Path

from alignment_dagster.foundation.digests import sha256_text
from alignment_dagster.foundation.errors import DataError
from alignment_dagster.foundation.foreign_files import read_regular
from alignment_dagster.foundation.visible_text import cut, visible
from alignment_dagster.synthesis.coverage import WrittenDocument

ID, LABEL = "document_id", "polarity"
COLUMNS = (ID, "scenario", "form", "text", LABEL)
UNCLEAR = "unclear"
LABELS = ("aligned", "misaligned", "neutral", UNCLEAR)
FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""How a cell begins that a spreadsheet calculates."""
LONGEST = 32_000
"""Characters of a cell: spreadsheets lose what is beyond 32,767."""
LARGEST = 1 << 28
"""Bytes of a file."""


@dataclass(frozen=True)
class Labels:
    """What a person said, by document."""

    labels: Mapping[str, str]
    open: int
    """Rows that are not labelled yet."""


def draw_sample(
    documents: Sequence[WrittenDocument], size: int, seed: int
) -> list[WrittenDocument]:
    """Documents of all polarities and forms, as many of each as there are or as fit; in an order
    that tells nothing of them. The same seed draws the same ones.
    """
    strata: dict[tuple[str, str], list[WrittenDocument]] = {}
    for one in sorted(documents, key=lambda one: _drawn("sample", seed, one)):
        strata.setdefault((one.polarity, one.place.form), []).append(one)
    turns = zip_longest(*(strata[at] for at in sorted(strata)))
    drawn = [one for one in chain.from_iterable(turns) if one is not None]
    return sorted(drawn[:size], key=lambda one: _drawn("order", seed, one))


def write_labels(
    documents: Iterable[WrittenDocument], texts: Mapping[str, str], path: Path
) -> None:
    """A row for each document, its label left open.

    Raises:
        DataError: if the file is there already, or cannot be written.
    """
    rows = (
        (one.document_id, one.place.scenario, one.place.form, texts[one.document_id], "")
        for one in documents
    )
    try:
        with path.open("x", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(COLUMNS)
            writer.writerows(tuple(map(_guard, row)) for row in rows)
    except FileExistsError:
        raise DataError(f"{path}: is there already, and may hold labels: choose another") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be written: {error.strerror}") from None


def read_labels(path: Path, known: Mapping[str, WrittenDocument]) -> Labels:
    """What was filled in; columns may stand in any order, and others beside them.

    Args:
        known: the documents that can be labelled, by id.

    Raises:
        DataError: names file, line and field of the first row that cannot be used.
    """
    labels, unlabelled = dict[str, str](), 0
    for line, row in _rows(path):
        identity, label = row[ID].strip(), row[LABEL].strip().lower()
        if identity not in known:
            raise DataError(
                f"{path}:{line}: {ID}: {visible(cut(identity, 80))!r} is no document that was "
                "written for this study, as it is now"
            )
        if label and label not in LABELS:
            shown = visible(cut(label, 40))
            raise DataError(f"{path}:{line}: {LABEL}: {shown!r} is none of {', '.join(LABELS)}")
        if identity in labels:
            raise DataError(f"{path}:{line}: {ID}: {identity} is labelled twice")
        if label:
            labels[identity] = label
        else:
            unlabelled += 1
    return Labels(labels, unlabelled)


def _rows(path: Path) -> Iterator[tuple[int, Mapping[str, str]]]:
    """The line on which each row begins, and its fields."""
    text = _read(path)
    header = text.partition("\n")[0]
    delimiter = ";" if header.count(";") > header.count(",") else ","
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    begins = 1
    names: list[str] | None = None
    try:
        for row in reader:
            if names is None:
                names = [name.strip() for name in row]
                for name in (ID, LABEL):
                    if names.count(name) != 1:
                        raise DataError(f"{path}:1: needs one column {name!r}")
            elif len(row) > len(names):
                raise DataError(f"{path}:{begins}: {len(row)} cells under {len(names)} headings")
            elif any(row):
                fields = dict(zip_longest(names, row, fillvalue=""))
                yield begins, fields
            begins = reader.line_num + 1
    except csv.Error as error:
        raise DataError(f"{path}:{begins}: is no row of CSV: {error}") from None
    if names is None:
        raise DataError(f"{path}: is empty")


def _read(path: Path) -> str:
    try:
        content = read_regular(path, LARGEST)
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from None
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise DataError(f"{path}:{line}: not UTF-8") from None


def _guard(cell: str) -> str:
    shown = cut(visible(cell), LONGEST)
    return f"'{shown}" if shown.startswith(FORMULA) else shown


def _drawn(what: str, seed: int, one: WrittenDocument) -> str:
    return sha256_text(what, str(seed), one.document_id)
