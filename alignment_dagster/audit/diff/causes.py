"""From two provenance graphs to what differs of itself, and to what it can have moved.

An artifact's own difference is one of its declaration, code, environment, or of what it reads from
outside the lake. All else follows from its parents. A difference can have moved a number only where
a measurement with other bytes was made, input by input, from inputs with other bytes, down to the
artifact that shows the difference.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from alignment_dagster import chain
from alignment_dagster.audit.diff.artifact_pairs import (
    Pair,
    Pairs,
    changed_inputs,
)
from alignment_dagster.audit.diff.declarations import ABSENT, Path, compare_declarations
from alignment_dagster.audit.diff.differences import DBT, Difference, Kind, merge_differences
from alignment_dagster.audit.diff.side import MEASUREMENTS, OWN, Side, format_key
from alignment_dagster.audit.diff.stage_length import find_stage_change
from alignment_dagster.audit.diff.written import find_written_change
from alignment_dagster.lineage.ancestry import ancestry
from alignment_dagster.lineage.partition_keys import recipe_of
from alignment_dagster.lineage.provenance import BASE, Provenance

DECLARED_ELSEWHERE: Mapping[str, Path] = {
    "sequence_length": ("mix", "sequence_length"),
    "context": ("mix", "sequence_length"),
    "drift": ("refresh", "drift"),
    "batch_tokens": ("evaluation", "batch_tokens"),
    "held_out_documents": ("evaluation", "held_out_documents"),
    "capability_margin": ("evaluation", "capability_margin"),
}
"""Where a study declares what assets record under another name."""
MAX_CHARACTERS = 12
TEXT_FIELDS = ("name", "description", "licence")
"""Of two recipes these differ without meaning anything."""


@dataclass(frozen=True)
class Causes:
    """Everything that differs of itself, and what became of it."""

    differences: tuple[Difference, ...]
    measurements: int
    """Pairs of measurements that both sides have."""
    moved: int
    """Those of them whose bytes differ."""
    pairs: int
    changed: int
    """Pairs of artifacts whose bytes differ."""

    @property
    def reaching(self) -> tuple[Difference, ...]:
        """What can have moved a number."""
        return tuple(one for one in self.differences if one.reaches)

    @property
    def others(self) -> tuple[Difference, ...]:
        """What cannot: no measurement that differs was made from it."""
        return tuple(one for one in self.differences if not one.reaches)

    @property
    def sole(self) -> Difference | None:
        """The one thing to which a change of the numbers is attributable, where there is one."""
        found = self.reaching
        return found[0] if len(found) == 1 and found[0].kind != "unexplained" else None


def find_causes(found: Pairs, before: Side, after: Side) -> Causes:
    """Everything that differs of itself between the sides."""
    reached = _find_reached(found)
    differences = [
        one
        for labels, pair in found.items()
        for one in find_own_differences(pair, before, after, reaches=labels in reached)
    ]
    measured = [pair for pair in found.values() if pair.key[0] in MEASUREMENTS]
    return Causes(
        differences=tuple(merge_differences(differences)),
        measurements=len(measured),
        moved=sum(pair.differs for pair in measured),
        pairs=len(found),
        changed=sum(pair.differs for pair in found.values()),
    )


def find_own_differences(
    pair: Pair, before: Side, after: Side, *, reaches: bool
) -> list[Difference]:
    """What is different about a pair itself, not by its parents."""
    if pair.before.label == pair.after.label and before.recipe is None:
        return []
    found = [
        Difference(kind, path, old, new, (pair.key,), reaches)
        for kind, path, old, new in (
            *_compare_declarations(pair, before, after),
            *_compare_records(pair),
        )
    ]
    if not found and pair.differs and not any(edge.differs for edge in pair.edges):
        found.append(
            Difference("unexplained", (format_key(pair.key),), ABSENT, ABSENT, (pair.key,), reaches)
        )
    return found


def _find_reached(found: Pairs) -> set[tuple[str, str]]:
    """The pairs behind measurements that differ, along inputs that differ.

    Where recipes are compared, the one artifact that decides over the documents of both holds
    the difference of the recipes itself: it is reached by the files of both.
    """
    moved = [pair for pair in found.values() if pair.key[0] in MEASUREMENTS and pair.differs]
    return set(
        ancestry(
            (pair.labels for pair in moved),
            lambda labels: (one.labels for one in changed_inputs(found[labels], found)),
        )
    )


OwnChange = tuple[Kind, Path, object, object]


def _compare_declarations(pair: Pair, before: Side, after: Side) -> Iterator[OwnChange]:
    old, new = before.declared(pair.before), after.declared(pair.after)
    for change in compare_declarations(old, new):
        stage = find_stage_change(pair, before, after, change)
        if stage is not None:
            recipe = recipe_of(pair.key[1])
            yield "declaration", ("recipes", recipe, *stage.path), stage.before, stage.after
            continue
        path = declared_path(pair.key[0], pair.key[1], change.path)
        if not (path[:2] == ("recipes", OWN) and path[2:3] and path[2] in TEXT_FIELDS):
            yield "declaration", path, change.before, change.after


def _compare_records(pair: Pair) -> Iterator[OwnChange]:
    """Code, what was read from outside, and environment."""
    old, new = pair.before.provenance, pair.after.provenance
    asset = pair.key[0]
    if old.code_digest != new.code_digest:
        yield "code", (asset,), _code(old), _code(new)
    elif old.inputs.code_version != new.inputs.code_version:
        yield "code", (asset,), old.inputs.code_version, new.inputs.code_version
    written = find_written_change(pair) if asset == chain.RAW_CORPUS and pair.differs else None
    if written and old.inputs.external_inputs == new.inputs.external_inputs:
        yield "data", (pair.key[1] or "",), *written
    for change in compare_declarations(old.inputs.external_inputs, new.inputs.external_inputs):
        if asset == chain.SCORED_CORPUS and ABSENT not in (change.before, change.after):
            yield from _compare_scorer(change.path[0], change.before, change.after)
            continue
        kind, path = external_input_path(asset, pair.key[1], change.path[0])
        before, after = _shorten(change.before), _shorten(change.after)
        if written and path == (pair.key[1],):
            before, after = f"{before}: {written[0]}", f"{after}: {written[1]}"
        yield kind, path, before, after
    for change in compare_declarations(old.environment, new.environment):
        yield "environment", change.path, change.before, change.after


def _compare_scorer(name: str, before: str, after: str) -> Iterator[OwnChange]:
    """A scorer's version, and what it reads."""
    (old_version, _, old), (version, _, new) = before.rpartition(":"), after.rpartition(":")
    if old_version != version:
        yield "code", (chain.SCORED_CORPUS,), f"{name} {old_version}", f"{name} {version}"
    if old != new:
        yield "lexicon", (name,), _shorten(old), _shorten(new)


def _code(provenance: Provenance) -> str:
    """The declared version, and the digest of the source as evidence."""
    return f"{provenance.inputs.code_version} ({provenance.code_digest[:MAX_CHARACTERS]})"


def declared_path(asset: str, partition: str | None, path: Path) -> Path:
    """Where the study declares what an asset recorded at a path."""
    head, *rest = path
    if asset == chain.RAW_CORPUS:
        return ("sources", partition or "", *path)
    if asset == chain.CLASSIFIER and head == "classifier":
        return ("classifiers", partition or "", *rest)
    if asset == chain.TOKENIZER and head not in ("base", "suites", *DECLARED_ELSEWHERE):
        return ("tokenizer", *path)
    if asset == chain.CURATED_MIX and head in ("shares", "replacement", "redact"):
        return ("recipes", partition or "", *path)
    if asset in (chain.METRICS, chain.MIX_COMPOSITION) and rest:
        thing = rest[0].strip("[]")
        if head == "shares":
            return ("recipes", thing, head, *rest[1:])
        return (head, thing, *rest[1:])
    return (*DECLARED_ELSEWHERE.get(head, (head,)), *rest)


def external_input_path(asset: str, partition: str | None, name: str) -> tuple[Kind, Path]:
    """What a name among the inputs from outside the lake stands for."""
    if asset == chain.RAW_CORPUS:
        return "data", (partition or "", *(() if name == "source" else (name,)))
    if asset == chain.CLASSIFIER and name == "model":
        return "data", (partition or "", name)
    if asset in (chain.SCORED_CORPUS, chain.CLASSIFIER):
        return "lexicon", (name,)
    if name == BASE:
        return "data", ("base",)
    if name == DBT:
        return "code", (DBT,)
    if name == "lm-eval":
        return "environment", (name,)
    return "items", (name,)


def _shorten(value: object) -> object:
    return value[:MAX_CHARACTERS] if isinstance(value, str) else value
