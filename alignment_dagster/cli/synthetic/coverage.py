"""`alignment synthetic coverage`: how much was written on what, and what became of it."""

from alignment_dagster.cli.audit.options import StudyName
from alignment_dagster.cli.options import AsJson, HtmlFile


def coverage_command(study: StudyName, as_json: AsJson = False, html: HtmlFile = None) -> None:
    """Scenarios, forms and polarities: documents written and kept, what is missing, variety."""
    # Imported here for weight: this file is read for every command's --help.
    from alignment_dagster.audit.corpus.current import open_corpus
    from alignment_dagster.audit.open_report import open_archive
    from alignment_dagster.audit.synthetic.coverage import describe_coverage
    from alignment_dagster.cli.answer_terminal import show
    from alignment_dagster.foundation.home import assets_folder
    from alignment_dagster.preflight.studies import load_study

    declared = load_study(study, assets_folder())
    show(describe_coverage(declared, open_corpus(open_archive(study))), as_json=as_json, html=html)
