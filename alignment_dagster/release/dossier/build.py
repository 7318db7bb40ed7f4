"""Building a dossier: verify everything it speaks of, collect, sign, and write one zip."""

import json
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from alignment_dagster import chain
from alignment_dagster.audit.open_report import OpenedReport, open_report
from alignment_dagster.audit.written_rows import is_written
from alignment_dagster.foundation.digests import sha256_file
from alignment_dagster.foundation.errors import ArtifactError
from alignment_dagster.foundation.jsonl import whole_lines
from alignment_dagster.lineage import file_names
from alignment_dagster.lineage.archive import Archive, similar
from alignment_dagster.lineage.journal import JOURNAL
from alignment_dagster.lineage.journal_lines import read_line
from alignment_dagster.lineage.manifest import MANIFEST, PROVENANCE, STATEMENT
from alignment_dagster.lineage.reviews import REVIEWERS, REVIEWS, reviews
from alignment_dagster.release.dossier import rows, verify
from alignment_dagster.release.dossier.files import new_file, write_rows, write_zip
from alignment_dagster.release.dossier.readme import README, WITH, WITHOUT
from alignment_dagster.release.dossier.signature import (
    Tree,
    build_statement,
    find_signer,
    public_keys,
)

RECORDS = (MANIFEST, PROVENANCE, STATEMENT)
REPORT_FILES = (file_names.REPORT, file_names.RESULTS, file_names.FINDINGS)


@dataclass(frozen=True)
class WrittenDossier:
    """A dossier that was written."""

    path: Path
    report: str
    artifacts: int
    documents: int
    root: str
    key: str
    head: str
    """Of the journal in it."""


def build_dossier(
    archive: Archive,
    version: str | None,
    target: Path,
    *,
    texts: bool = False,
    redacted: Sequence[str] = (),
) -> WrittenDossier:
    """Write the dossier of a report (the current one without a version).

    Args:
        target: a new file.
        texts: also put in the texts of the documents.
        redacted: the sources of which only digests are put in all the same.

    Raises:
        ArtifactError: if there is no such report or source, anything behind the report is not as
            it was signed, there is no key, or `target` exists. Nothing is left then.
    """
    signer = find_signer(archive.lake.keys)
    with (
        new_file(target) as aside,
        tempfile.TemporaryDirectory(prefix="alignment-dossier-") as made,
        open_report(archive, version) as opened,
    ):
        _refuse_unknown(opened, redacted, texts)
        _verify(opened)
        folder = Path(made)
        tree = _gather_files(opened, folder, texts, redacted)
        _write_readme(folder, opened, signer.key_id, texts, redacted)
        write_index(folder)
        index = sha256_file(folder / verify.INDEX)
        signed = signer.sign(build_statement(archive, opened.report, index, tree, texts, redacted))
        (folder / verify.SIGNED).write_text(json.dumps(signed, indent=1) + "\n", encoding="utf-8")
        write_zip(folder, aside)
        lines, _ = whole_lines(folder / JOURNAL)
        return WrittenDossier(
            target,
            opened.report.label,
            len(opened.ancestors),
            tree.count,
            tree.root,
            signer.key_id,
            read_line(lines[-1].decode("utf-8", "surrogateescape")).head,
        )


def _refuse_unknown(opened: OpenedReport, redacted: Sequence[str], texts: bool) -> None:
    known = sorted(one.partition or "" for one in opened.ancestors if one.asset == chain.RAW_CORPUS)
    for source in redacted:
        if source not in known:
            raise ArtifactError(
                f"--redact {source}: {opened.report.label} rests on no such source "
                f"(near: {similar(source, known)})"
            )
    if redacted and not texts:
        raise ArtifactError("--redact: without --with-text no source's text is put in anyway")


def _verify(opened: OpenedReport) -> None:
    """Every byte, every signature, every check that blocks, and the journal.

    Raises:
        ArtifactError: names what is not as it was signed.
    """
    archive = opened.archive
    for one in opened.ancestors:
        archive.lake.open(archive.study, one.asset, one.partition, one.version)
        for check in one.provenance.failed:
            raise ArtifactError(f"{one.label}: its check {check.name} failed: {check.summary}")
    archive.lake.journal(archive.study).history()


def _gather_files(opened: OpenedReport, folder: Path, texts: bool, redacted: Sequence[str]) -> Tree:
    """Every file but the index and its signature."""
    for name in REPORT_FILES:
        _copy(opened.report.path / name, folder / "report" / name)
    study = opened.archive.lake.root / opened.archive.study
    for artifact in opened.ancestors:
        for name in RECORDS:
            place = folder / "artifacts" / artifact.path.relative_to(study) / name
            _copy(artifact.path / name, place)
    _copy(study / JOURNAL, folder / JOURNAL)
    _copy_reviews(opened, study, folder)
    for name, pem in public_keys(opened.archive.lake.keys).items():
        (folder / "keys").mkdir(exist_ok=True)
        (folder / "keys" / name).write_bytes(pem)
    return _write_ledgers(opened, folder, texts, redacted)


def _copy_reviews(opened: OpenedReport, study: Path, folder: Path) -> None:
    """The reviews of this report with their reviewers' public keys.

    Raises:
        ArtifactError: names a review that does not hold.
    """
    found = reviews(opened.archive, opened.report)
    for path in sorted((study / REVIEWS / opened.report.version).glob("[0-9]*.json")):
        _copy(path, folder / path.relative_to(study))
    for name in {review.reviewer for review in found}:
        key = f"{REVIEWERS}/{name}.pub.pem"
        _copy(opened.archive.lake.keys.folder / key, folder / key)


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)


def _write_ledgers(
    opened: OpenedReport, folder: Path, texts: bool, redacted: Sequence[str]
) -> Tree:
    place, ledgers = folder / "ledgers", opened.ledgers
    write_rows(folder / "report" / "questions.jsonl", rows.rows_of(ledgers, rows.QUESTIONS))
    for name, sql in rows.PLAIN.items():
        write_rows(place / f"{name}.jsonl.gz", rows.rows_of(ledgers, sql))
    write_rows(place / "metrics.jsonl.gz", rows.metrics(ledgers, opened))
    if any(map(is_written, opened.ancestors)):
        asked = rows.prompts(ledgers, opened.ancestors, texts, redacted)
        write_rows(folder / verify.PROMPTS, asked)
        write_rows(folder / verify.WRITTEN, rows.rows_of(ledgers, rows.WRITTEN))
    if texts:
        write_rows(place / "texts.jsonl.gz", rows.texts(ledgers, redacted))
    leaves: list[bytes] = []
    documents = rows.documents(ledgers, opened.ancestors)
    write_rows(folder / verify.DOCUMENTS, _note_leaves(documents, leaves))
    return Tree(verify.tree_root(leaves), len(leaves))


def _note_leaves(documents: Iterable[rows.Row], leaves: list[bytes]) -> Iterator[rows.Row]:
    for row in documents:
        leaves.append(verify.leaf_hash(row))
        yield row


def _write_readme(
    folder: Path, opened: OpenedReport, key: str, texts: bool, redacted: Sequence[str]
) -> None:
    """README.txt, and the program that checks the file."""
    shutil.copyfile(verify.__file__, folder / "verify.py")
    but = f", but those of {', '.join(sorted(redacted))}" if redacted else ""
    words = README.format(
        report=opened.report.label,
        study=opened.archive.study,
        key=key,
        texts=WITH.format(but=but) if texts else WITHOUT,
    )
    (folder / "README.txt").write_text(words, encoding="utf-8")


def write_index(folder: Path) -> None:
    """SHA-256 and size of every file in the folder."""
    files = {
        path.relative_to(folder).as_posix(): {
            "sha256": sha256_file(path),
            "size": path.stat().st_size,
        }
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
    text = json.dumps({"files": files}, indent=1, ensure_ascii=False)
    (folder / verify.INDEX).write_text(text + "\n", encoding="utf-8")
