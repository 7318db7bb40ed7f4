"""The golden file: everything that is pinned, and what is wrong where something is other than it.

An entry is an artifact (`asset[partition]`), a scorer, or a generator. Its files may change where
its version, its declaration or what it reads changed: then a lake made before is stale, as it must
be. Where they change by themselves, somebody forgot to raise the version.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from fnmatch import fnmatch
from pathlib import Path
from typing import get_args

import yaml

from alignment_dagster import chain
from alignment_dagster.corpus.generators import GENERATORS
from alignment_dagster.corpus.generators.version import CODE_VERSION
from alignment_dagster.foundation.digests import sha256_json
from alignment_dagster.lineage.archive import Archive
from alignment_dagster.lineage.lake import Artifact, label
from alignment_dagster.lineage.partition_keys import find_seed
from alignment_dagster.scoring import SCORERS, ScoringContext, score
from alignment_dagster.steps.registry import STEPS
from alignment_dagster.study.synthesis import Polarity
from alignment_dagster.synthesis.generators.frames import FORMS
from alignment_dagster.synthesis.generators.grammar import write_documents
from tests.golden.content import Kind, Pinned, pin, same
from tests.support.scored_texts import ALL_TEXTS, AskedItem, documents
from tests.support.written_sources import plan_of, written

FOLDER = Path(__file__).parent
GOLDEN = FOLDER / "golden.json"
COMMAND = "python -m tests.golden"
PINNED_SEED = 0
DOCUMENTS = 5
"""Of each generator."""
SCORES, GENERATED = "scores", "documents"


@dataclass(frozen=True)
class Entry:
    """What is pinned of one thing."""

    version: str
    inputs: str
    """Digest of what is declared of it, and of what it reads from outside the lake."""
    files: Mapping[str, Pinned]
    parents: tuple[tuple[str, str | None], ...] = field(default=(), compare=False)
    """Entries (and the one file of each) that it is made from."""


Entries = Mapping[str, Entry]


@dataclass(frozen=True)
class Problem:
    """Something that is other than golden."""

    message: str
    forgotten: bool
    """Whether a version has to be raised before the golden file may be written again."""


def collect(archive: Archive, optional: Sequence[Artifact], lexicons: Path) -> Entries:
    """The entries of this code.

    Args:
        archive: of the tiny study, run to its report: what the report was made from is pinned, of
            one seed (another one adds nothing).
        optional: what the tiny study does not make.
        lexicons: the assets whose word lists the scorers read.
    """
    report = archive.report()
    found = {one.key: one for one in (report, *archive.ancestors([report]), *optional)}
    kinds = yaml.safe_load((FOLDER / "files.yaml").read_text(encoding="utf-8"))
    artifacts = {
        _name(one.asset, one.partition): _artifact(one, kinds[one.asset])
        for one in sorted(found.values(), key=lambda one: (chain.place(one.asset), one.label))
        if find_seed(one.partition) in (None, PINNED_SEED)
    }
    return {**artifacts, **_scorers(lexicons), **_generators()}


def _name(asset: str, partition: str | None) -> str:
    return label(asset, partition, "")[:-1]


def _artifact(artifact: Artifact, kinds: Mapping[str, str]) -> Entry:
    inputs = artifact.provenance.inputs
    return Entry(
        version=inputs.code_version,
        inputs=sha256_json([inputs.declaration, inputs.external_inputs]),
        files={
            name: pin(artifact.path / name, _kind(artifact.asset, name, kinds))
            for name in sorted(artifact.manifest.files)
        },
        parents=tuple((_name(one.asset, one.partition), one.part) for one in inputs.parents),
    )


def _kind(asset: str, file: str, kinds: Mapping[str, str]) -> Kind:
    for pattern, declared in kinds.items():
        if fnmatch(file, pattern):
            return Kind.read(declared)
    raise LookupError(f"tests/golden/files.yaml says nothing about {file} of {asset}")


def _scorers(lexicons: Path) -> Entries:
    context = ScoringContext(lexicons, (AskedItem(),))
    texts = documents(ALL_TEXTS)
    return {
        f"scorer {name}": Entry(
            version=scorer.version,
            inputs=scorer.read_digest(context),
            files={SCORES: {"exact": sha256_json(score(texts, scorer, context).table.to_pydict())}},
        )
        for name, scorer in SCORERS.items()
    }


def _generators() -> Entries:
    """Those of whole sources, and the grammar in each polarity."""
    generated = {
        f"generator {name}": [(one.text, one.payload) for one in generate(DOCUMENTS, 0)]
        for name, generate in GENERATORS.items()
    }
    scenarios = plan_of(written()).scenarios()
    grammar = {
        f"grammar {polarity}": [
            text for _, text in write_documents(scenarios, tuple(FORMS), polarity, DOCUMENTS, 0)
        ]
        for polarity in get_args(Polarity)
    }
    return {
        name: Entry(
            version=CODE_VERSION, inputs="", files={GENERATED: {"exact": sha256_json(texts)}}
        )
        for name, texts in {**generated, **grammar}.items()
    }


def read_golden(path: Path = GOLDEN) -> Entries:
    """The entries as they were written."""
    found = json.loads(path.read_text(encoding="utf-8"))
    return {name: Entry(**entry) for name, entry in found.items()}


def write_golden(entries: Entries, path: Path = GOLDEN) -> None:
    """Write them all."""
    plain = {name: asdict(entry) for name, entry in entries.items()}
    for entry in plain.values():
        del entry["parents"]
    path.write_text(json.dumps(plain, indent=1) + "\n", encoding="utf-8")


def find_problems(golden: Entries, entries: Entries) -> Iterator[Problem]:
    """What is other than golden, each thing once: what only follows from a parent is left out."""
    again = f"write the golden file again with `{COMMAND}`"
    for name in golden.keys() - entries.keys():
        yield Problem(f"{name}: is golden, and is not made any more: {again}", False)
    changed = {
        (name, file)
        for name, entry in entries.items()
        for file in _changed_files(golden.get(name), entry)
    }
    for name, entry in entries.items():
        then = golden.get(name)
        files = sorted(file for where, file in changed if where == name)
        if then is None:
            yield Problem(f"{name}: is not golden yet: {again}", False)
        elif then.version != entry.version:
            said = f"version {entry.version}, and the golden file holds {then.version}"
            yield Problem(f"{name}: its code is {said}: {again}", False)
        elif then.inputs != entry.inputs:
            said = "what is declared of it or what it reads is other than golden, so every lake"
            yield Problem(f"{name}: {said} makes it again: if that is meant, {again}", False)
        elif files and not any(_has_changed(parent, changed) for parent in entry.parents):
            raised = f"the code version is still {entry.version}: raise {_where(name)}"
            listed = f"{', '.join(files)} {'is' if len(files) == 1 else 'are'} other than golden"
            yield Problem(f"{name}: {listed} and {raised}, then {again}", True)


def _changed_files(then: Entry | None, now: Entry) -> Iterator[str]:
    files = then.files if then is not None else {}
    for file in files.keys() | now.files.keys():
        if file not in files or file not in now.files or not same(files[file], now.files[file]):
            yield file


def _has_changed(parent: tuple[str, str | None], changed: set[tuple[str, str]]) -> bool:
    name, part = parent
    return any(where == name and part in (None, file) for where, file in changed)


def _where(name: str) -> str:
    """Where the version stands that has to be raised."""
    kind, _, thing = name.partition(" ")
    if kind == "scorer":
        return f"Scorer.version ({_path(SCORERS[thing].bind.__module__)})"
    if kind == "generator":
        return "CODE_VERSION (alignment_dagster/corpus/generators/version.py)"
    return f"Step.code_version ({_path(STEPS[name.partition('[')[0]].build.__module__)})"


def _path(module: str) -> str:
    return f"{module.replace('.', '/')}.py"
