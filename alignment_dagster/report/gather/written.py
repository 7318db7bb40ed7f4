"""What was written for the study, and what became of it."""

from alignment_dagster import chain
from alignment_dagster.lineage import file_names
from alignment_dagster.report.gather.artifacts import Parents
from alignment_dagster.study import Study
from alignment_dagster.synthesis.coverage import read_written
from alignment_dagster.synthesis.summary import WrittenSummary, summarise


def gather_written(study: Study, parents: Parents) -> list[WrittenSummary]:
    """One of each source that is written, in the order of the study's sources."""
    corpora = parents.all(chain.RAW_CORPUS)
    decided = parents.one(chain.DISPOSITIONS).path
    decisions = {
        recipe.name: [decided / file_names.pretraining_part(recipe.name)]
        for recipe in study.recipes
    }
    by_source = {one.partition: one for one in corpora}
    return [
        summarise(source, by_source[source.name])
        for source in read_written(study, corpora, decisions)
    ]
