"""Trainings that went on from what a stopped run had left: said, and offered for replay."""

from alignment_dagster import chain
from alignment_dagster.audit.check.scope import Scope
from alignment_dagster.lineage.provenance import RESUMED_FROM

REPLAYED = (chain.PRETRAINED_CHECKPOINT, chain.TRUNK_CHECKPOINT)


def note_resumed(scope: Scope) -> None:
    """No gap: a state is taken only under the home's own seal. Training again alone proves it."""
    for artifact in scope.artifacts.values():
        measured = artifact.provenance.measured
        for name, state in measured.items():
            if not name.endswith(RESUMED_FROM):
                continue
            scope.findings.counts["trainings resumed"] += 1
            how = "made again from its inputs"
            if artifact.asset in REPLAYED:
                steps = int(float(measured.get("resumed_after_step", 1)))
                name = f"'{artifact.asset}[{artifact.partition}]'"
                how = f"replayed: alignment audit replay {scope.study} {name} --steps 1:{steps}"
            scope.findings.note(
                f"{artifact.label} was resumed from state {str(state)[:16]} of a run that was "
                f"stopped; what came before it can be {how}"
            )
