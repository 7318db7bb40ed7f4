"""`alignment corpus diff`: what two recipes, or two decisions, make of the same documents."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from alignment_dagster import chain
from alignment_dagster.audit.answer import Answer
from alignment_dagster.audit.corpus.current import Corpus, corpus_of, find_mix, open_corpus
from alignment_dagster.audit.diff.documents import DocumentChanges, Row, count_changes
from alignment_dagster.audit.diff.examples import find_changed_examples
from alignment_dagster.audit.diff.ledgers import connect_artifacts
from alignment_dagster.audit.diff.side import OWN
from alignment_dagster.audit.diff.tables import document_blocks
from alignment_dagster.audit.ledgers import fetch_rows
from alignment_dagster.foundation.errors import ArtifactError
from alignment_dagster.lineage.archive import Archive, similar
from alignment_dagster.lineage.lake import Artifact

CURRENT, PREVIOUS = "current", "previous"
COMPARED = """
select count(*) as documents, count(*) filter (was <> now) as decided_otherwise
from (
    select
        case when old.state = 'kept' then 'kept' else old.rule end as was,
        case when new.state = 'kept' then 'kept' else new.rule end as now
    from (select * from before.dispositions where recipe = $1) as old
    join (select * from after.dispositions where recipe = $1) as new
        on new.document_id = old.document_id and new.use = old.use
)
"""


@dataclass(frozen=True)
class Decided:
    """One side: a decision, and one of its recipes or all."""

    name: str
    corpus: Corpus
    recipe: str | None

    @property
    def dispositions(self) -> Artifact:
        assert self.corpus.dispositions is not None
        return self.corpus.dispositions

    @property
    def artifacts(self) -> list[Artifact]:
        """What is compared: the decision, its documents, and the mixes that were made by it."""
        recipes = self.corpus.recipes if self.recipe is None else (self.recipe,)
        archive = self.corpus.archive
        mixes = (find_mix(archive, self.dispositions, one) for one in recipes)
        return [self.dispositions, *self.corpus.raw, *(one for one in mixes if one)]


def compare_decisions(archive: Archive, a: str, b: str) -> Answer:
    """What became of every document under `a`, and what under `b`.

    Args:
        archive: the study's past.
        a: a recipe, `recipe@version` of an earlier decision (or `recipe@previous`), or a decision
            with all its recipes: `previous`, `current`, or the beginning of a version.
        b: the same, of the same kind.

    Raises:
        ArtifactError: if there is no such recipe or decision, or the kinds differ.
    """
    before, after = (_find_side(archive, one) for one in (a, b))
    if (before.recipe is None) != (after.recipe is None):
        raise ArtifactError(f"{a} and {b}: compare two recipes, or two versions of dispositions")
    shared = [OWN]
    if before.recipe is None:
        shared = [one for one in before.corpus.recipes if one in after.corpus.recipes]
    sides = [(one.artifacts, one.recipe) for one in (before, after)]
    with connect_artifacts(archive, sides) as connection:
        found = DocumentChanges(
            **count_changes(connection, shared, []),
            by_band=[],
            examples=find_changed_examples(connection),
            raw_examples=[],
        )
        counts = {one: fetch_rows(connection, COMPARED, one)[0] for one in shared}
    return _answer(before, after, found, counts)


def _answer(
    before: Decided, after: Decided, found: DocumentChanges, counts: Mapping[str, Row]
) -> Answer:
    both = before.recipe is not None
    where = "" if both else " of {}"
    sentences = [
        f"{one['decided_otherwise']:,} of {one['documents']:,} documents{where.format(recipe)} "
        "are decided otherwise."
        for recipe, one in counts.items()
    ]
    if before.dispositions.label != after.dispositions.label:
        sentences.append(f"{before.dispositions.label} → {after.dispositions.label}")
    return Answer(
        f"{before.name} → {after.name}",
        sentences,
        list(document_blocks(found, both=both)),
        {
            "before": {"dispositions": before.dispositions.label, "recipe": before.recipe},
            "after": {"dispositions": after.dispositions.label, "recipe": after.recipe},
            "counts": counts[OWN] if both else counts,
            "documents": asdict(found),
        },
    )


def _find_side(archive: Archive, name: str) -> Decided:
    corpus = open_corpus(archive)
    recipe, _, version = name.partition("@")
    if recipe in corpus.recipes or version:
        corpus = corpus if not version else corpus_of(archive, _find_version(archive, version))
        corpus.decided(recipe)
        return Decided(name, corpus, recipe)
    if name not in (CURRENT, PREVIOUS) and not _versions(archive, name):
        known = [*corpus.recipes, CURRENT, PREVIOUS, *_versions(archive)]
        raise ArtifactError(
            f"{name!r} is no recipe and no version of dispositions (near: {similar(name, known)})"
        )
    return Decided(name, corpus_of(archive, _find_version(archive, name)), None)


def _find_version(archive: Archive, name: str) -> Artifact:
    """A decision by the beginning of its version, `current`, or `previous`: the one before."""
    if name == CURRENT:
        return archive.current(chain.DISPOSITIONS, None)
    if name != PREVIOUS:
        return archive.find(f"{chain.DISPOSITIONS}@{name}")
    history = [one.version for one in archive.journal if one.asset == chain.DISPOSITIONS]
    earlier = [one for one in history if one != history[-1]]
    if not earlier:
        raise ArtifactError(f"study {archive.study!r} was decided only once")
    return archive.artifact(chain.DISPOSITIONS, None, earlier[-1])


def _versions(archive: Archive, beginning: str = "") -> Sequence[str]:
    versions = (key[2] for key in archive.keys if key[0] == chain.DISPOSITIONS)
    return [one for one in versions if one.startswith(beginning)]
