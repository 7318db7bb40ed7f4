"""Handing out a checkpoint: only with the approval that the study requires, and with its card."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from alignment_dagster.audit.open_report import open_archive, open_report
from alignment_dagster.audit.review_nodes import how_to_review
from alignment_dagster.foundation.digests import sha256_file
from alignment_dagster.foundation.errors import AlignmentError, ArtifactError
from alignment_dagster.foundation.home import Home
from alignment_dagster.graph.instance import open_reader
from alignment_dagster.graph.review_events import told_reviews
from alignment_dagster.lineage.archive import Archive
from alignment_dagster.lineage.lake import Artifact
from alignment_dagster.lineage.manifest import MANIFEST, PROVENANCE, STATEMENT
from alignment_dagster.lineage.partition_keys import recipe_of, seed_of
from alignment_dagster.lineage.reviews import lost_reviews, reviews
from alignment_dagster.release.cards.facts import Facts, gather_facts
from alignment_dagster.release.cards.model import model_card
from alignment_dagster.release.current_report import latest_report
from alignment_dagster.release.gate.reference import counted
from alignment_dagster.release.gate.status import gate_refusal
from alignment_dagster.study import Study

RECORD = "record"


def released_facts(study: Study, home: Home, checkpoints: Sequence[Artifact]) -> Facts:
    """What the current report says of these checkpoints, if they may be handed out.

    Raises:
        AlignmentError: if there is no report, it rests on other checkpoints, its regression gate
            does not let it pass, or it has not the approval that then, or by the study's own word,
            is required: says what is missing, and the command that gives it.
    """
    report = latest_report(study, home)
    archive = open_archive(study.name, home)
    behind = {one.label for one in archive.ancestors([report])}
    others = [one.label for one in checkpoints if one.label not in behind]
    if others:
        raise AlignmentError(
            f"{others[0]} cannot be exported: the current report ({report.label}) rests on "
            f"another checkpoint. Make a report of this one first: alignment run {study.name}"
        )
    if study.declaration.approval != "none":
        _require_approval(archive, study, home, report)
    elif (blocked := gate_refusal(study, home, report)) is not None:
        _require_approval(archive, study, home, report, blocked)
    with open_report(archive, report.version) as opened:
        return gather_facts(opened)


def _require_approval(
    archive: Archive, study: Study, home: Home, report: Artifact, blocked: str = ""
) -> None:
    """Also what the gate `blocked` is let pass by an approval: a person's decision overrides."""
    decided = reviews(archive, report)
    found = counted(decided, study.declaration.approvers)
    with open_reader(home) as instance:
        told = [one for one in told_reviews(instance, study.name) if one.report == report.version]
    lost = lost_reviews(archive, told)
    if lost:
        raise ArtifactError(f"{lost[0][0]}: {lost[0][1]} (alignment audit check {study.name})")
    if found and found[-1].approves:
        return
    said = "nobody has reviewed it"
    if found:
        last = found[-1]
        said = f"{last.reviewer} {last.decision} it on {last.time[:10]} ({last.note})"
    if len(found) < len(decided):
        others = ", ".join(sorted({one.reviewer for one in decided if one not in found}))
        said += f" (no key of approval.by signed what {others} decided)"
    why = f"study {study.name!r} exports a checkpoint only with an approved report"
    if blocked:
        why = f"{blocked} Only a person who approves this very report overrides that"
    raise AlignmentError(
        f"{why}, and {report.label} is not approved: {said}. To approve it: "
        f"{how_to_review(study.name, report)}"
    )


def write_checkpoint(
    facts: Facts, artifact: Artifact, part: str, stage: str, exported: Path
) -> str:
    """Copy a model to `checkpoint/<stage>/`, with README.md (its card) and its signed `record/`.

    Returns:
        A line that says so.

    Raises:
        ArtifactError: if what was copied is not what was signed.
    """
    place = Path("checkpoint") / stage
    folder = exported / place
    names = [name for name in artifact.manifest.files if name.startswith(f"{part}/")]
    for name in names:
        target = folder / name.removeprefix(f"{part}/")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(artifact.path / name, target)
        if sha256_file(target) != artifact.manifest.files[name]:
            raise ArtifactError(f"{artifact.label}: {name} changed while it was copied")
    (folder / RECORD).mkdir()
    for name in (MANIFEST, PROVENANCE, STATEMENT):
        shutil.copyfile(artifact.path / name, folder / RECORD / name)
    recipe, seed = recipe_of(artifact.partition), seed_of(artifact.partition)
    card = model_card(facts, recipe, seed, [stage])
    (folder / "README.md").write_text(card, encoding="utf-8")
    return f"{place}: {artifact.label} with its card and signed records"
