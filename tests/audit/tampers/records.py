"""Alterations of the records beside the artifacts, of the keys, and of the journal."""

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from alignment_dagster.digests import canonical_json
from alignment_dagster.lineage.journal import START, Entry
from alignment_dagster.lineage.lake import label
from alignment_dagster.lineage.manifest import LOGGED, MANIFEST, PROVENANCE, STATEMENT
from alignment_dagster.lineage.signing import PRIVATE, TRUSTED, Signer, create_key, read_signer
from tampers.cell import Cell, Names, named
from tampers.files import edit_file, edit_value
from tampers.forging import Forgery, edit_provenance, sign_all
from tampers.place import BY_ASSET, KINDS, Place, write_json

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
    content["inputs"]["outside"]["invented"] = "0" * 64


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


def _other_statement(asset: str, place: Place) -> Names:
    """The signed statement of another artifact."""
    artifact, other = place.artifact(asset), place.another(asset)
    shutil.copyfile(other.path / STATEMENT, artifact.path / STATEMENT)
    return named(artifact.label)


def new_key(folder: Path) -> Signer:
    """A key of the attacker's own."""
    create_key(folder / "forged.pem")
    signer = read_signer(folder / "forged.pem")
    (folder / "forged.pem").unlink()
    return signer


def public(signer: Signer) -> bytes:
    """Its public half, as it lies in `trusted/`."""
    return signer.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def trust(place: Place, signer: Signer) -> None:
    """Put the key among the trusted ones, under its own name."""
    (place.home.root / "keys" / TRUSTED / f"{signer.key_id[:16]}.pem").write_bytes(public(signer))


def replace_keys(place: Place, signer: Signer) -> None:
    """All keys of the lake become the attacker's, and sign everything."""
    keys = place.home.root / "keys"
    shutil.rmtree(keys / TRUSTED)
    (keys / TRUSTED).mkdir()
    trust(place, signer)
    write_private(keys / PRIVATE, signer.key)
    sign_all(place.archive.all(), signer)


def write_private(path: Path, key: Ed25519PrivateKey) -> None:
    """As `create_key` writes one."""
    from cryptography.hazmat.primitives.serialization import NoEncryption, PrivateFormat

    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


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


def _of_kinds() -> Iterator[Cell]:
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
        other = partial(_other_statement, asset)
        yield Cell(GROUP, "statement of another artifact", asset, other, always=asset == THOROUGH)
        for how, mutation in FORGED.items():
            always = how == "unsigned" or asset in FORGED_OFTEN
            forge = partial(_forge, asset, how)
            yield Cell(GROUP, mutation, asset, forge, always=always, rewrites=True)


def _swap_public(place: Place) -> Names:
    (path,) = (place.home.root / "keys" / TRUSTED).glob("*.pem")
    path.write_bytes(public(new_key(place.folder)))
    return named(path.name)


def _swap_private(place: Place) -> Names:
    write_private(place.home.root / "keys" / PRIVATE, Ed25519PrivateKey.generate())
    return named(PRIVATE)


def _no_key(place: Place) -> Names:
    shutil.rmtree(place.home.root / "keys" / TRUSTED)
    return named(TRUSTED)


def _keys() -> Iterator[Cell]:
    yield Cell("keys", "trusted key swapped for another", "keys/trusted", _swap_public)
    yield Cell("keys", "private key swapped for another", "keys/lake.pem", _swap_private)
    yield Cell("keys", "trusted keys removed", "keys/trusted", _no_key)


def entries(place: Place) -> list[Entry]:
    """The journal's lines."""
    return [Entry(**json.loads(line)) for line in place.journal.read_text().splitlines()]


def write_entries(place: Place, lines: list[Entry], *, chained: bool = False) -> None:
    """The lines as they are, or numbered and chained anew."""
    written: list[Entry] = []
    for line in lines:
        if chained:
            previous = written[-1].link if written else START
            line = replace(line, number=len(written) + 1, previous=previous)
        written.append(line)
    text = "".join(canonical_json(asdict(line)) + "\n" for line in written)
    place.journal.write_text(text, encoding="utf-8")


def _at(number: int, entry: Entry) -> Names:
    """The line, the one after it (whose link it breaks), or the artifact of the line."""
    name = label(entry.asset, entry.partition, entry.version)
    return (
        (f"journal.jsonl line {number}",),
        (f"journal.jsonl line {number + 1}",),
        (name, "journal"),
    )


def _edit_line(chained: bool, place: Place) -> Names:
    lines = entries(place)
    at = len(lines) // 2
    lines[at] = replace(lines[at], digest="0" * 64)
    write_entries(place, lines, chained=chained)
    return _at(at + 1, lines[at])


def _remove_line(back: int, chained: bool, place: Place) -> Names:
    lines = entries(place)
    at = len(lines) - back
    removed = lines.pop(at)
    write_entries(place, lines, chained=chained)
    return _at(at + 1, removed)


def _swap_lines(chained: bool, place: Place) -> Names:
    lines = entries(place)
    at = len(lines) // 2
    lines[at], lines[at + 1] = lines[at + 1], lines[at]
    write_entries(place, lines, chained=chained)
    return (*_at(at + 1, lines[at]), *_at(at + 2, lines[at + 1]))


def _swap_versions(place: Place) -> Names:
    """An older version of a partition becomes the current one."""
    lines = entries(place)
    places = [number for number, line in enumerate(lines) if line.asset == "eval_report"]
    if len(places) < 2:
        raise LookupError("the report was made only once")
    one, other = places[-2:]
    lines[one], lines[other] = lines[other], lines[one]
    write_entries(place, lines, chained=True)
    return (*_at(one + 1, lines[one]), *_at(other + 1, lines[other]), ("eval_report",))


def _cut_journal(place: Place) -> Names:
    text = place.journal.read_text()
    last = entries(place)[-1]
    place.journal.write_text(text[:-10])
    return _at(len(text.splitlines()), last)


def _no_journal(place: Place) -> Names:
    place.journal.unlink()
    return named("journal.jsonl")


def _add_line(place: Place) -> Names:
    """The first artifact becomes current once more, in the run of the last line."""
    lines = entries(place)
    run = lines[-1].dagster_run_id
    lines.append(replace(lines[0], dagster_run_id=run, reused=True))
    write_entries(place, lines, chained=True)
    first = lines[0]
    name = label(first.asset, first.partition, first.version)
    return (*_at(len(lines), first), (name, run))


def _journal() -> Iterator[Cell]:
    of = "journal.jsonl"
    for chained, how in ((False, ""), (True, ", chain written anew")):
        yield Cell("journal", f"line edited{how}", of, partial(_edit_line, chained))
        yield Cell("journal", f"line removed{how}", of, partial(_remove_line, 8, chained))
        yield Cell("journal", f"two lines swapped{how}", of, partial(_swap_lines, chained))
    mutation = "two versions of a report swapped, chain written anew"
    yield Cell("journal", mutation, of, _swap_versions, always=False)
    yield Cell("journal", "last line removed", of, partial(_remove_line, 1, False))
    yield Cell("journal", "last line cut short", of, _cut_journal)
    yield Cell("journal", "line added, chain written anew", of, _add_line)
    yield Cell("journal", "journal removed", of, _no_journal)


def cells() -> Iterator[Cell]:
    """Records of every kind, keys, journal."""
    yield from _of_kinds()
    yield from _keys()
    yield from _journal()
