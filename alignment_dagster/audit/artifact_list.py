"""What exists: every artifact of a study, by whom and when it was made, and whether it is used."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from alignment_dagster.audit.answer import Answer, Table
from alignment_dagster.foundation.errors import ArtifactError
from alignment_dagster.lineage.archive import Archive, unknown_asset
from alignment_dagster.lineage.lake import Artifact
from alignment_dagster.lineage.provenance import Key, Provenance

COLUMNS = ("partition", "version", "made", "seconds", "size", "code", "reused", "signed by")
KEY_CHARACTERS = 8
COMMIT_CHARACTERS = 9


@dataclass(frozen=True)
class ListedArtifact:
    """One artifact in the list."""

    artifact: str
    asset: str
    partition: str | None
    version: str
    current: bool
    made: str
    """When its making began, UTC."""
    seconds: float
    bytes: int
    git_commit: str
    git_dirty: str
    reused: int
    """How often it became current again without being made."""
    collected: str | None
    """When and why it was collected as garbage; None where its files are there."""
    signed_by: str | None
    """The trusted key whose signature holds; None where none does."""


def describe_artifacts(
    archive: Archive, asset: str | None = None, *, every: bool = False
) -> Answer:
    """The current version of every partition, or every version that lies in the lake.

    Raises:
        ArtifactError: if there is no such asset; names near matches.
    """
    if asset is not None and asset not in {key[0] for key in archive.keys}:
        raise ArtifactError(unknown_asset(archive, asset))
    current = current_keys(archive)
    wanted = [*archive.keys] if every else list(current)
    lines, warnings = [], []
    for key in wanted:
        if asset in (None, key[0]):
            try:
                artifact = archive.artifact(*key)
            except ArtifactError as error:
                warnings.append(str(error))
                continue
            lines.append(_describe(archive, artifact, key in current, warnings))
    lines.sort(
        key=lambda line: (archive.keys.index((line.asset, line.partition, line.version)), line.made)
    )
    return _answer(archive, lines, warnings, every=every)


def current_keys(archive: Archive) -> dict[Key, None]:
    """The version of every partition that the journal says became current last."""
    last = {(entry.asset, entry.partition): entry.version for entry in archive.journal}
    return {(asset, partition, version): None for (asset, partition), version in last.items()}


def find_signer(archive: Archive, artifact: Artifact) -> tuple[str | None, str]:
    """The key whose signature over the records holds, or None and what is wrong."""
    try:
        return archive.lake.verify_record(artifact), ""
    except ArtifactError as error:
        return None, str(error)


def format_commit(provenance: Provenance) -> str:
    """Where the code came from, in short."""
    short = provenance.git.get("commit", "unknown")[:COMMIT_CHARACTERS]
    return f"{short} + changes" if provenance.git.get("dirty") == "true" else short


def size(count: int) -> str:
    """Bytes for a person."""
    amount, unit = float(count), "B"
    for larger in ("KiB", "MiB", "GiB", "TiB"):
        if amount < 1024:
            break
        amount, unit = amount / 1024, larger
    return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"


def _describe(
    archive: Archive, artifact: Artifact, current: bool, warnings: list[str]
) -> ListedArtifact:
    provenance = artifact.provenance
    key, problem = find_signer(archive, artifact)
    if problem:
        warnings.append(problem)
    return ListedArtifact(
        artifact=artifact.label,
        asset=artifact.asset,
        partition=artifact.partition,
        version=artifact.version,
        current=current,
        made=provenance.started,
        seconds=provenance.seconds,
        bytes=sum(artifact.manifest.sizes.values()),
        git_commit=provenance.git.get("commit", "unknown"),
        git_dirty=provenance.git.get("dirty", "unknown"),
        reused=sum(entry.reused for entry in archive.journal if entry.key == artifact.key),
        collected=archive.collection(artifact) or None,
        signed_by=key,
    )


def _answer(
    archive: Archive, lines: Sequence[ListedArtifact], warnings: Sequence[str], *, every: bool
) -> Answer:
    what = "every version in the lake" if every else "the current versions"
    total = size(sum(line.bytes for line in lines if not line.collected))
    count = f"{len(lines)} artifact{'' if len(lines) == 1 else 's'}"
    assets = dict.fromkeys(line.asset for line in lines)
    blocks = [_table(archive, asset, [one for one in lines if one.asset == asset], every=every)
              for asset in assets]  # fmt: skip
    data = {
        "study": archive.study,
        "artifacts": [asdict(line) for line in lines],
        "problems": list(warnings),
    }
    gone = sum(line.collected is not None for line in lines)
    said = f" Of {gone} only the records are left: collected as garbage." if gone else ""
    sentences = (f"{count}, {total}: {what}. Times are UTC.{said}",)
    return Answer(f"Study {archive.study}", sentences, blocks, data, warnings=warnings)


def _table(archive: Archive, asset: str, lines: Sequence[ListedArtifact], *, every: bool) -> Table:
    rows = [
        _row(archive, line) + ((["no", "yes"][line.current],) if every else ()) for line in lines
    ]
    return Table(asset, (*COLUMNS, "current") if every else COLUMNS, rows)


def _row(archive: Archive, line: ListedArtifact) -> tuple[str | int | float | None, ...]:
    artifact = archive.artifact(line.asset, line.partition, line.version)
    return (
        line.partition,
        line.version,
        line.made[:16].replace("T", " "),
        line.seconds,
        "collected" if line.collected else size(line.bytes),
        format_commit(artifact.provenance),
        f"{line.reused} times" if line.reused else "no",
        line.signed_by[:KEY_CHARACTERS] if line.signed_by else "NOT VERIFIED",
    )
