"""Alterations of the records beside the artifacts."""

import json
import shutil
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from alignment_dagster.lineage.manifest import LOGGED, MANIFEST, PROVENANCE, STATEMENT
from drills.tamper.cell import Cell, Names, named
from drills.tamper.files import edit_file, edit_value
from drills.tamper.forging import Forgery, edit_provenance
from drills.tamper.keys import new_key, replace_keys, trust
from drills.tamper.kinds import BY_ASSET, KINDS
from drills.tamper.place import Place, write_json

GROUP = "records"
Fields = dict[str, Any]


def _commit(content: Fields) -> None:
    content["git"]["commit"] = "0" * 40


def _dirty(content: Fields) -> None:
    content["git"]["dirty"] = "never"


def _seconds(content: Fields) -> None:
    content["seconds"] += 1.0


def _started(content: Fields) -> None:
    content["started"] = "2020-01-01T00:00:00+00:00"


def _dagster_run(content: Fields) -> None:
    content["dagster_run_id"] = "00000000-0000-0000-0000-000000000000"


def _mlflow_run(content: Fields) -> None:
    content["mlflow_run_id"] = "0" * 32


def _check(content: Fields) -> None:
    first = content["checks"][0]
    first["passed"] = not first["passed"]


def _declared(content: Fields) -> None:
    content["declared"]["invented"] = 1


def _environment(content: Fields) -> None:
    content["environment"]["torch"] = "9.9"


def _outside(content: Fields) -> None:
    """Something read from outside that was not."""
    content["inputs"]["external_inputs"]["invented"] = "0" * 64


EDITS: tuple[tuple[str, Callable[[Fields], None]], ...] = (
    ("git commit in provenance edited", _commit),
    ("dirty flag in provenance edited", _dirty),
    ("seconds in provenance edited", _seconds),
    ("start in provenance edited", _started),
    ("Dagster run in provenance edited", _dagster_run),
    ("MLflow run in provenance edited", _mlflow_run),
    ("outcome of a check in provenance edited", _check),
    ("declared text in provenance edited", _declared),
    ("environment in provenance edited", _environment),
    ("inputs in provenance edited", _outside),
)
UNCHECKED = frozenset({"documents", "dispositions", "mix_composition", "metrics"})
"""Their checks are dbt's tests, which only Dagster has on record."""
THOROUGH = "evaluation"
"""The kind on which every edit of a record is part of the test suite."""
FORGED_OFTEN = ("curated_mix", "pretrained_checkpoint", THOROUGH, "eval_report")
"""The kinds on which every forgery is."""


def _edit(asset: str, change: Callable[[Fields], None], place: Place) -> Names:
    artifact = place.artifact(asset)
    edit_provenance(artifact.path, change)
    return named(artifact.label)


def _remove_record(asset: str, name: str, place: Place) -> Names:
    artifact = place.artifact(asset)
    (artifact.path / name).unlink()
    return named(artifact.label)


def _edit_logged(asset: str, place: Place) -> Names:
    artifact = place.artifact(asset)
    edit_value(artifact.path / LOGGED)
    return named(artifact.label, LOGGED)


def _break_signature(asset: str, place: Place) -> Names:
    """One character of the signature."""
    artifact = place.artifact(asset)
    content = json.loads((artifact.path / STATEMENT).read_text())
    signature = content["signatures"][0]["sig"]
    other = "B" if signature[0] == "A" else "A"
    content["signatures"][0]["sig"] = other + signature[1:]
    write_json(artifact.path / STATEMENT, content)
    return named(artifact.label)


def _add_signature(asset: str, place: Place) -> Names:
    """Of a key that nobody knows, in front of the one that counts."""
    artifact = place.artifact(asset)
    content = json.loads((artifact.path / STATEMENT).read_text())
    content["signatures"].insert(0, {"keyid": "f" * 64, "sig": ""})
    write_json(artifact.path / STATEMENT, content)
    return named(artifact.label, "carries 2 signatures")


def _other_statement(asset: str, place: Place) -> Names:
    """The signed statement of another artifact."""
    artifact, other = place.artifact(asset), place.another(asset)
    shutil.copyfile(other.path / STATEMENT, artifact.path / STATEMENT)
    return named(artifact.label)


def _forge(asset: str, how: str, place: Place) -> Names:
    signer = None if how == "unsigned" else new_key(place.folder)
    old = place.artifact(asset)
    name = BY_ASSET[asset].data
    forged = Forgery(place, signer).forge(old, lambda folder: edit_file(folder / name))
    if signer is not None and how == "trusted":
        trust(place, signer)
    elif signer is not None:
        replace_keys(place, signer)
    return ((forged.label,), (old.label,))


FORGED = {
    "unsigned": "all records re-written to fit, unsigned",
    "trusted": "all records re-written to fit, signed with a new trusted key",
    "replaced": "all records re-written to fit, all keys replaced, all signed again",
}


def cells() -> Iterator[Cell]:
    """Of every kind of artifact."""
    for kind in KINDS:
        asset = kind.asset
        for mutation, change in EDITS:
            if change is _check and asset in UNCHECKED:
                continue
            alter = partial(_edit, asset, change)
            yield Cell(GROUP, mutation, asset, alter, always=asset == THOROUGH)
        for name in (MANIFEST, PROVENANCE, STATEMENT, LOGGED):
            alter = partial(_remove_record, asset, name)
            yield Cell(GROUP, f"{name} removed", asset, alter, always=asset == THOROUGH)
        logged = partial(_edit_logged, asset)
        mutation = "value in logged.parquet edited"
        yield Cell(GROUP, mutation, asset, logged, always=asset in FORGED_OFTEN)
        broken = partial(_break_signature, asset)
        yield Cell(GROUP, "signature edited", asset, broken, always=asset == THOROUGH)
        added = partial(_add_signature, asset)
        yield Cell(GROUP, "signature added", asset, added, always=asset == THOROUGH)
        other = partial(_other_statement, asset)
        yield Cell(GROUP, "statement of another artifact", asset, other, always=asset == THOROUGH)
        for how, mutation in FORGED.items():
            always = how == "unsigned" or asset in FORGED_OFTEN
            forge = partial(_forge, asset, how)
            yield Cell(GROUP, mutation, asset, forge, always=always, rewrites=True)
