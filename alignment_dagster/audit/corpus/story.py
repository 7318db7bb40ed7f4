"""The whole story of one document: where it was read, what it scored, what became of it and why."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from alignment_dagster import chain
from alignment_dagster.audit.corpus.current import (
    Corpus,
    current_artifacts,
    find_mix,
    open_corpus,
)
from alignment_dagster.audit.corpus.lookup import (
    describe_cause,
    find_at_place,
    find_metadata,
    find_text,
)
from alignment_dagster.audit.ledgers import consumption_files, fetch_rows, recipe_and_seed
from alignment_dagster.audit.trace.chain import (
    PRETRAINING,
    TRUNK,
    ConsumptionLedger,
    find_post_training_ledger,
    find_pretraining_ledgers,
    find_tampering_ledger,
)
from alignment_dagster.audit.trace.document_path import (
    LedgerRead,
    PackedDocument,
    find_insertions,
    find_packed,
    find_reads,
)
from alignment_dagster.audit.trace.documents import (
    find_decisions,
    find_document,
    find_raw_rows,
    find_scores,
)
from alignment_dagster.audit.trace.parquet import Connection, Row, connect_memory
from alignment_dagster.audit.trace.written import follow_originals
from alignment_dagster.chain import POST_TRAINING_STAGES
from alignment_dagster.lineage.archive import Archive
from alignment_dagster.mixing.insertions import PACKED
from alignment_dagster.study import DropRule
from alignment_dagster.study.conditions import METADATA, Clause, Score

MOST_CAUSED = 5
"""Documents that were dropped because of this one, of which the ids are listed."""


@dataclass(frozen=True)
class JudgedRule:
    """A declared rule that looked at the document."""

    rule: DropRule
    met: Clause | None
    """The comparisons by which it holds; None where it does not."""


@dataclass(frozen=True)
class RecipeStory:
    """What one recipe made of the document."""

    recipe: str
    decisions: list[Row]
    """`use`, `state`, `rule`, `value`, `cause`, `weight`."""
    rules: list[JudgedRule]
    caused: list[str]
    """Documents that were dropped because of it."""
    packed: list[PackedDocument]
    mixes: list[str]
    """Those that were looked into."""
    left_out: Mapping[str, Row]
    """Of a mix that it is not in, though a rule inserts it: its host, and why."""
    read: list[LedgerRead]


@dataclass(frozen=True)
class Story:
    """All that is known of one document."""

    corpus: Corpus
    document_id: str
    raw: Row
    text: str
    metadata: Mapping[str, Score]
    written: list[Row]
    """How it was written, and what it was rewritten from; nothing where it was not written."""
    scores: Mapping[str, Score]
    """`scorer.column` → what was found."""
    causes: Mapping[str, Row]
    """Each cause of a decision: a document's place, or an evaluation item with its suite."""
    recipes: list[RecipeStory]


def find_story(archive: Archive, name: str, recipe: str | None = None) -> Story:
    """The story of a document, under one recipe or all.

    Args:
        archive: the study's past.
        name: the (beginning of the) id, or `file:line` where it was read.
        recipe: one of those that were decided.

    Raises:
        ArtifactError: if no document is called so (names near ones), the row is quarantined, or
            there is no such recipe.
    """
    corpus = open_corpus(archive)
    if recipe is not None:
        corpus.decided(recipe)
    with connect_memory() as connection:
        one = find_at_place(connection, corpus, name) or find_document(connection, corpus.raw, name)
        (raw,) = find_raw_rows(connection, corpus.raw, [one])
        scores = find_scores(
            connection, [each for each in corpus.scored if each.partition == raw["source"]], [one]
        ).get(one, {})
        metadata = find_metadata(connection, corpus.raw, one)
        known = {**scores, **{f"{METADATA}.{column}": each for column, each in metadata.items()}}
        chosen = corpus.recipes if recipe is None else (recipe,)
        group = corpus.groups[raw["source"]]
        found = [_find_recipe(connection, corpus, each, one, group, known) for each in chosen]
        causes = {row["cause"]: row for each in found for row in each.decisions if row["cause"]}
        return Story(
            corpus,
            one,
            raw,
            find_text(connection, corpus, one),
            metadata,
            follow_originals(connection, corpus.raw, one),
            scores,
            {cause: describe_cause(connection, corpus, cause) for cause in causes},
            found,
        )


def _find_recipe(
    connection: Connection,
    corpus: Corpus,
    recipe: str,
    document: str,
    group: str,
    scores: Mapping[str, Score],
) -> RecipeStory:
    files = corpus.decided(recipe)
    decisions = find_decisions(connection, files, [document]).get(document, [])
    uses = [row["use"] for row in decisions]
    rules = dict.fromkeys(rule for use in uses for rule in corpus.rules(recipe, use))
    caused = fetch_rows(
        connection,
        "select distinct document_id from read_parquet(?) where cause = ? order by document_id",
        files,
        document,
    )
    ledgers = sorted(_list_ledgers(corpus.archive, recipe), key=lambda one: _order(*one))
    mixes = {one.mix.label: one.mix for _, one in ledgers if one.mix is not None}
    if corpus.dispositions and (last := find_mix(corpus.archive, corpus.dispositions, recipe)):
        mixes = {last.label: last, **mixes}
    packed = [each for mix in mixes.values() if (each := find_packed(connection, mix, document))]
    return RecipeStory(
        recipe,
        decisions,
        [
            JudgedRule(rule, rule.met(scores))
            for rule in rules
            if rule.groups is None or group in rule.groups
        ],
        [str(row["document_id"]) for row in caused],
        packed,
        list(mixes),
        {
            name: row
            for name, mix in mixes.items()
            for row in find_insertions(connection, mix, document)
            if row["document_id"] == document and row["state"] != PACKED
        },
        [find_reads(connection, ledger, seed, document, packed) for seed, ledger in ledgers],
    )


def _list_ledgers(archive: Archive, recipe: str) -> Iterator[tuple[int, ConsumptionLedger]]:
    """What the current checkpoints of a recipe read, by seed; what they read in a trunk too."""
    for asset in (*chain.MODELS, chain.TAMPERING):
        for one in current_artifacts(archive, asset):
            of, seed = recipe_and_seed(one.partition)
            if of != recipe:
                continue
            for stage, _ in consumption_files(one):
                if stage == PRETRAINING:
                    for ledger in find_pretraining_ledgers(archive, one):
                        yield seed or 0, ledger
                elif asset == chain.TAMPERING:
                    yield seed or 0, find_tampering_ledger(archive, one, stage)
                else:
                    yield seed or 0, find_post_training_ledger(archive, one, stage)


def _order(seed: int, ledger: ConsumptionLedger) -> tuple[int, int, str]:
    """Of a seed the stages in the order of training; tampering is last."""
    stages = (TRUNK, PRETRAINING, *POST_TRAINING_STAGES)
    place = stages.index(ledger.stage) if ledger.stage in stages else len(stages)
    return seed, place, ledger.stage
