"""The documents that were written for a study, as its corpus holds them."""

from pathlib import Path

from alignment_dagster.audit.corpus.current import Corpus
from alignment_dagster.corpus.sources import source_digest, source_folder
from alignment_dagster.foundation.errors import ArtifactError
from alignment_dagster.study import Study
from alignment_dagster.synthesis.coverage import WrittenSource, read_written, written_sources

SOURCE = "source"
"""Among the inputs of `raw_corpus`: the identity of what was read."""


def find_written(study: Study, corpus: Corpus) -> tuple[WrittenSource, ...]:
    """The written sources with their documents and what was decided of them, if anything was.

    Raises:
        ArtifactError: if one was not written yet, or from other scenarios than those of today.
    """
    raw = {one.partition: one for one in corpus.raw}
    for source in written_sources(study):
        now = source_digest(source, source_folder(study, source))
        found = raw.get(source.name)
        if found is None or found.provenance.inputs.external_inputs.get(SOURCE) != now:
            raise ArtifactError(
                f"study {study.name!r}: {source.name} "
                + ("was not written yet" if found is None else "is declared otherwise by now")
                + f": alignment run {study.name} --to dispositions"
            )
    decisions = (
        {recipe: [Path(one) for one in corpus.decided(recipe)] for recipe in corpus.recipes}
        if corpus.dispositions
        else {}
    )
    return read_written(study, corpus.raw, decisions)
