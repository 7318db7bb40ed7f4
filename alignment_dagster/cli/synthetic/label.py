"""`alignment synthetic label`: a file for a person's labels, and how far they agree."""

from pathlib import Path
from typing import Annotated

import typer

from alignment_dagster.cli.audit.options import StudyName
from alignment_dagster.cli.options import AsJson


def label_command(
    study: StudyName,
    write: Annotated[Path | None, typer.Option(help="Write a sample to this CSV file.")] = None,
    read: Annotated[Path | None, typer.Option(help="Read this CSV file, filled in.")] = None,
    source: Annotated[str | None, typer.Option(help="One source; all that are written.")] = None,
    sample: Annotated[int, typer.Option(min=1, max=100_000, help="Documents to write.")] = 50,
    seed: Annotated[int, typer.Option(help="Other seeds draw other documents.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Write a sample for a person to label, or read it back and say how far they agree."""
    # Imported here for weight: this file is read for every command's --help.
    from alignment_dagster.audit.corpus.current import open_corpus
    from alignment_dagster.audit.open_report import open_archive
    from alignment_dagster.audit.synthetic.agreement import describe_agreement
    from alignment_dagster.audit.synthetic.label_file import read_labels
    from alignment_dagster.audit.synthetic.labels import find_labelled, write_sample
    from alignment_dagster.cli.answer_terminal import show
    from alignment_dagster.foundation.home import assets_folder
    from alignment_dagster.preflight.studies import load_study

    if (write is None) == (read is None):
        raise typer.BadParameter("give exactly one of --write and --read")
    declared = load_study(study, assets_folder())
    corpus = open_corpus(open_archive(study))
    known = find_labelled(declared, corpus, source)
    if write is not None:
        show(write_sample(declared, corpus, known, sample, seed, write), as_json=as_json)
    elif read is not None:
        answer = describe_agreement(declared, corpus, known, read_labels(read, known))
        show(answer, as_json=as_json)
