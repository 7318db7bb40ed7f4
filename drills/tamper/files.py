"""Alterations of the bytes of an artifact's files; its records stay as they were."""

import shutil
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from alignment_dagster.lineage.manifest import Manifest
from drills.tamper.cell import Cell, Names, named
from drills.tamper.kinds import BY_ASSET, KINDS, Kind
from drills.tamper.place import Place

GROUP = "files"
THOROUGH = "items.parquet"
"""The table on which every edit of rows is part of the test suite."""
FLIPPED = ("model/model.safetensors", "sequences.npy", "results.json", "report.html")
"""Files on which a flipped bit is part of the test suite, besides the first of every kind."""
REPRESENTATIVE = "evaluation"
Change = Callable[[Path], None]


def flip_bit(path: Path) -> None:
    """The lowest bit of the byte in the middle."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def _rewrite(path: Path, change: Callable[[pa.Table], pa.Table]) -> None:
    pq.write_table(change(pq.read_table(path)), path)


def drop_row(path: Path) -> None:
    """The last one."""
    _rewrite(path, lambda table: table.slice(0, table.num_rows - 1))


def swap_rows(path: Path) -> None:
    """The last one, with the nearest before it that is another."""

    def swapped(table: pa.Table) -> pa.Table:
        rows = table.num_rows
        last = table.slice(rows - 1)
        other = next(n for n in range(rows - 2, -1, -1) if not table.slice(n, 1).equals(last))
        order = [*range(rows)]
        order[rows - 1], order[other] = other, rows - 1
        return table.take(order)

    _rewrite(path, swapped)


def edit_value(path: Path, row: int = -1) -> None:
    """One value of a row: a number if it has one, else a word."""

    def edited(table: pa.Table) -> pa.Table:
        at = row % table.num_rows
        index, value = _editable(table, at)
        column = table.column(index).to_pylist()
        column[at] = value
        field = table.schema.field(index)
        return table.set_column(index, field, pa.array(column, field.type))

    _rewrite(path, edited)


def _editable(table: pa.Table, row: int) -> tuple[int, Any]:
    """The index of a column, and another value for it."""
    values = [column[row].as_py() for column in table.columns]
    for kind, other in ((float, 0.25), (int, 1), (str, "x")):
        for index in range(len(values) - 1, -1, -1):
            if type(values[index]) is kind:
                return index, values[index] + other
    raise LookupError("no value that could be edited")


def edit_file(path: Path) -> None:
    """A value of a table, or a bit of any other file."""
    if path.suffix == ".parquet":
        edit_value(path)
    else:
        flip_bit(path)


def _file(change: Change, asset: str, name: str, place: Place) -> Names:
    artifact = place.artifact(asset)
    change(artifact.path / name)
    return named(artifact.label, name)


def _replace(asset: str, place: Place) -> Names:
    """The first file that another version has with other bytes."""
    artifact, other = place.artifact(asset), place.another(asset)
    files = BY_ASSET[asset].files
    name = next(
        name
        for name in files
        if other.manifest.files.get(name) not in (None, artifact.manifest.files[name])
    )
    shutil.copyfile(other.path / name, artifact.path / name)
    return named(artifact.label, name)


def _add(asset: str, place: Place) -> Names:
    artifact = place.artifact(asset)
    (artifact.path / "extra.parquet").write_bytes(b"PAR1")
    return named(artifact.label, "extra.parquet")


def _remove(asset: str, place: Place) -> Names:
    artifact = place.artifact(asset)
    name = BY_ASSET[asset].data
    (artifact.path / name).unlink()
    return named(artifact.label, name)


def _remove_all(asset: str, place: Place) -> Names:
    artifact = place.artifact(asset)
    shutil.rmtree(artifact.path)
    return named(artifact.label)


def _whole_version(asset: str, place: Place) -> Names:
    """The folder keeps its name and holds what another version holds, records and all."""
    artifact, other = place.artifact(asset), place.another(asset)
    shutil.rmtree(artifact.path)
    shutil.copytree(other.path, artifact.path)
    return named(artifact.label)


def _swap_folders(asset: str, place: Place) -> Names:
    """The replicates of two recipes change places."""
    kind = BY_ASSET[asset]
    one, other = place.artifact(asset), place.artifact(asset, kind.other)
    aside = place.folder / "aside"
    one.path.rename(aside)
    other.path.rename(one.path)
    aside.rename(other.path)
    return named(one.label)


def _swap_weights(asset: str, fit: bool, place: Place) -> Names:
    """Only the weights, between two recipes; `fit`: the manifests are written to say so."""
    kind = BY_ASSET[asset]
    one, other = place.artifact(asset), place.artifact(asset, kind.other)
    name = next(name for name in kind.files if name.endswith("model.safetensors"))
    first, second = (one.path / name).read_bytes(), (other.path / name).read_bytes()
    (one.path / name).write_bytes(second)
    (other.path / name).write_bytes(first)
    if fit:
        for artifact in (one, other):
            Manifest.of(artifact.path).write(artifact.path)
        return named(one.label)
    return named(one.label, name)


def _fit_manifest(asset: str, place: Place) -> Names:
    artifact = place.artifact(asset)
    edit_file(artifact.path / BY_ASSET[asset].data)
    Manifest.of(artifact.path).write(artifact.path)
    return named(artifact.label)


ROWS: tuple[tuple[str, Change], ...] = (
    ("last row dropped", drop_row),
    ("two rows swapped", swap_rows),
    ("value in the last row edited", edit_value),
    ("value in the first row edited", partial(edit_value, row=0)),
)


def cells() -> Iterator[Cell]:
    """Of every kind of artifact."""
    for kind in KINDS:
        yield from _of_files(kind)
        yield from _of_folder(kind)
    for asset in ("pretrained_checkpoint", "post_trained_checkpoint"):
        yield Cell(GROUP, "folders swapped between recipes", asset, partial(_swap_folders, asset))
        swap = partial(_swap_weights, asset, False)
        yield Cell(GROUP, "weights swapped between recipes", asset, swap)
        fit = partial(_swap_weights, asset, True)
        name = "weights swapped between recipes, manifests written to fit"
        yield Cell(GROUP, name, asset, fit)


def _of_files(kind: Kind) -> Iterator[Cell]:
    asset = kind.asset
    for name in kind.files:
        of = f"{asset} {name}"
        often = name == kind.data or name in FLIPPED
        alter = partial(_file, flip_bit, asset, name)
        yield Cell(GROUP, "one bit flipped", of, alter, always=often)
        for mutation, change in ROWS if name in kind.tables else ():
            alter = partial(_file, change, asset, name)
            yield Cell(GROUP, mutation, of, alter, always=name == THOROUGH)


def _of_folder(kind: Kind) -> Iterator[Cell]:
    asset = kind.asset
    often = asset == REPRESENTATIVE
    yield Cell(
        GROUP, "file replaced by that of another version", asset, partial(_replace, asset),
        always=often,
    )  # fmt: skip
    yield Cell(
        GROUP, "whole version replaced by another one", asset, partial(_whole_version, asset),
        always=often,
    )  # fmt: skip
    yield Cell(GROUP, "file added", asset, partial(_add, asset), always=often)
    yield Cell(GROUP, "file removed", asset, partial(_remove, asset), always=often)
    yield Cell(GROUP, "artifact removed", asset, partial(_remove_all, asset))
    yield Cell(GROUP, "value edited, manifest written to fit", asset, partial(_fit_manifest, asset))
