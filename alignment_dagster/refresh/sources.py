"""Looking at a study's sources, and which of them have to be read again."""

from collections.abc import Iterable
from dataclasses import dataclass, field

import dagster as dg

from alignment_dagster.chain import RAW_CORPUS
from alignment_dagster.corpus.canaries import text_digests
from alignment_dagster.corpus.sources import source_folder
from alignment_dagster.foundation.digests import sha256_text
from alignment_dagster.foundation.errors import AlignmentError
from alignment_dagster.foundation.home import Home
from alignment_dagster.graph.runs import end_dead_runs
from alignment_dagster.graph.staleness import Staleness
from alignment_dagster.lineage.lake import Lake
from alignment_dagster.refresh.source_looks import FileDigests, Look, look, looks_file, record
from alignment_dagster.steps.registry import READING_WAVE, STEPS, wave_steps
from alignment_dagster.study import Study

_digests = FileDigests()
"""Of this process, so that a tick does not read again what no tick saw change."""


@dataclass(frozen=True)
class ToRead:
    """A source that has to be read again, and what has to be made of it."""

    source: str
    assets: tuple[str, ...]
    """The Dagster assets of one run."""
    key: str
    """The same for as long as the same is to be made of the same."""


@dataclass
class Found:
    """What a look at some sources found."""

    looks: list[Look] = field(default_factory=list)
    to_read: list[ToRead] = field(default_factory=list)
    busy: list[str] = field(default_factory=list)
    """To be read, but a run is at it."""
    failures: dict[str, str] = field(default_factory=dict)
    """Source → why it could not be looked at."""


def look_at(study: Study, names: Iterable[str], instance: dg.DagsterInstance) -> Found:
    """Look at these sources and record it; runs whose process was killed are ended first."""
    end_dead_runs(instance)
    home = Home.from_environment()
    staleness = Staleness(instance, Lake(home.lake), study, STEPS)
    found = Found()
    for name in names:
        try:
            _look(name, staleness, found)
        except AlignmentError as error:
            found.failures[name] = str(error)
    if found.looks:
        record(looks_file(home, study.name), found.looks)
    return found


def _look(name: str, staleness: Staleness, found: Found) -> None:
    current = staleness.artifact(RAW_CORPUS, name)
    before = current.provenance.inputs.external_inputs["source"] if current else None
    source = staleness.study.source(name)
    one = look(source, source_folder(staleness.study, source), before, _digests)
    found.looks.append(one)
    external = {"source": one.digest, **text_digests(staleness.study, name)}
    step = STEPS[RAW_CORPUS]
    steps = list(wave_steps(staleness.study, READING_WAVE))
    if staleness.is_made_from(step, name, external):
        later = [step for step in steps if step.asset != RAW_CORPUS]
        due = [index for index, step in enumerate(later) if staleness.is_due(step, name)]
        steps = later[due[0] :] if due else []
    if not steps:
        return
    if not all(staleness.is_idle(step, name) for step in steps):
        found.busy.append(name)
        return
    assets = tuple(asset for step in steps for asset in step.selects)
    version = current.version if current else ""
    digest = staleness.input_digest(step, name, external) or ""
    found.to_read.append(ToRead(name, assets, sha256_text(digest, version, *assets)[:16]))
