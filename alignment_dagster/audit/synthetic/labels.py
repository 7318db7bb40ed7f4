"""`alignment synthetic label`: which documents a person may label, and the file for it."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from alignment_dagster.audit.answer import Answer
from alignment_dagster.audit.corpus.current import Corpus
from alignment_dagster.audit.synthetic.current import find_written
from alignment_dagster.audit.synthetic.label_file import (
    LABEL,
    LABELS,
    draw_sample,
    write_labels,
)
from alignment_dagster.foundation.errors import DataError
from alignment_dagster.lineage.archive import similar
from alignment_dagster.study import Study
from alignment_dagster.synthesis.coverage import WrittenDocument
from alignment_dagster.synthesis.summary import read_texts


def find_labelled(
    study: Study, corpus: Corpus, source: str | None
) -> Mapping[str, WrittenDocument]:
    """The written documents of a study, or of one of its sources, by id.

    Raises:
        DataError: if the study has no such source that is written.
        ArtifactError: as `find_written`.
    """
    found = {one.name: one for one in find_written(study, corpus)}
    if source is not None and source not in found:
        near = similar(source, list(found))
        raise DataError(f"study {study.name!r} has no written source {source!r} (near: {near})")
    if not found:
        raise DataError(f"study {study.name!r} has no source that is written (kind: synthetic)")
    chosen = [found[source]] if source else found.values()
    return {one.document_id: one for each in chosen for one in each.documents}


def write_sample(
    study: Study,
    corpus: Corpus,
    known: Mapping[str, WrittenDocument],
    size: int,
    seed: int,
    path: Path,
) -> Answer:
    """A sample for a person to label, in a new file.

    Raises:
        DataError: if it cannot be written.
    """
    drawn = draw_sample(list(known.values()), size, seed)
    ids = [one.document_id for one in drawn]
    texts = {name: text for one in corpus.raw for name, text in read_texts(one, ids).items()}
    write_labels(drawn, texts, path)
    forms = Counter(one.place.form for one in drawn)
    return Answer(
        f"{path}: {len(drawn):,} documents of {study.name}",
        [
            f"Fill in the column {LABEL!r} of each: {', '.join(LABELS)}.",
            f"Then: alignment synthetic label {study.name} --read {path}",
        ],
        [],
        {"study": study.name, "file": str(path), "documents": ids, "forms": dict(forms)},
    )
