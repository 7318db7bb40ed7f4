"""`alignment corpus canaries`: what became of the documents that a study planted."""

from collections.abc import Sequence
from dataclasses import asdict

from alignment_dagster import chain
from alignment_dagster.audit.answer import Answer, Cell, Table
from alignment_dagster.audit.corpus.current import (
    Corpus,
    current_artifacts,
    find_mix,
    open_corpus,
)
from alignment_dagster.corpus.canaries import PLANTED, planted_documents, text_digests
from alignment_dagster.foundation.errors import ArtifactError
from alignment_dagster.lineage.archive import Archive
from alignment_dagster.report.canaries import CanaryRow, canary_rows, last_stage
from alignment_dagster.report.canary_outcomes import BASE, canary_outcomes
from alignment_dagster.report.gather.canaries import find_ledgers
from alignment_dagster.report.text import STAGES
from alignment_dagster.study import Study

COLUMNS = ("canary", "recipe", "planted", "kept", "dropped by", "read", "tokens", "steps")


def describe_canaries(archive: Archive, study: Study) -> Answer:
    """Each canary under each recipe, as far as the study has been made.

    Raises:
        ArtifactError: if nothing is decided yet, or what was planted is not what is declared now.
        DataError: names the file of texts that cannot be used.
    """
    if not study.declaration.canaries:
        said = f"Study {study.name} plants no canaries."
        return Answer(f"Canaries of {study.name}", [said], [], {"study": study.name, "rows": []})
    rows = _find_rows(study, open_corpus(archive))
    last = last_stage(rows)
    columns = (*COLUMNS, "exposure", STAGES[last].replace("After", "after"), "at most")
    outcomes = canary_outcomes(study, rows)
    failed = [one for one in outcomes if not one.passed]
    return Answer(
        f"Canaries of {study.name}",
        [
            *(f"{one.canary}: {one.summary}" for one in outcomes),
            f"One document: alignment corpus why {study.name} "
            f"{PLANTED}{study.declaration.canaries[0].name}:1",
        ],
        [
            Table(
                "Planted documents under each recipe", columns, [_cells(row, last) for row in rows]
            )
        ],
        {
            "study": study.name,
            "documents": {
                one.name: [identity for identity, _ in planted_documents(one, study.assets)]
                for one in study.declaration.canaries
            },
            "rows": [asdict(row) for row in rows],
            "outcomes": [asdict(one) for one in outcomes],
        },
        "bad" if failed else "plain",
    )


def _find_rows(study: Study, corpus: Corpus) -> Sequence[CanaryRow]:
    planted = {
        name: digest
        for one in corpus.raw
        for name, digest in one.provenance.inputs.external_inputs.items()
    }
    for name, digest in text_digests(study).items():
        if planted.get(name) != digest:
            raise ArtifactError(
                f"study {study.name!r}: {name}: its texts of today are not those that were "
                f"planted: alignment run {study.name}"
            )
    archive = corpus.archive
    models = [
        *current_artifacts(archive, chain.TRUNK_CHECKPOINT),
        *current_artifacts(archive, chain.PRETRAINED_CHECKPOINT),
    ]
    measured = current_artifacts(archive, chain.EVALUATION)
    for recipe in study.recipes:
        corpus.decided(recipe.name)
    decided = corpus.dispositions
    assert decided is not None
    found = (find_mix(archive, decided, recipe.name) for recipe in study.recipes)
    mixes = [mix for mix in found if mix is not None]
    ledgers = {
        one.name: find_ledgers(one.name, decided, mixes, models, measured) for one in study.recipes
    }
    return canary_rows(study, ledgers)


def _cells(row: CanaryRow, last: str) -> Sequence[Cell]:
    dropped = ", ".join(f"{rule} {count:,}" for rule, count in row.dropped.items())
    steps = None if row.first_step is None else f"{row.first_step:,} to {row.last_step:,}"
    bits = (row.exposure.get(BASE), row.exposure.get(last), row.most)
    return (
        *(row.canary, row.recipe, row.planted, row.kept, dropped, row.read, row.tokens, steps),
        *(None if one is None else f"{one:.2f}" for one in bits),
    )
