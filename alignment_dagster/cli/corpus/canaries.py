"""`alignment corpus canaries`: what became of the documents that a study planted."""

from alignment_dagster.cli.audit.options import StudyName
from alignment_dagster.cli.options import AsJson, HtmlFile


def canaries_command(study: StudyName, as_json: AsJson = False, html: HtmlFile = None) -> None:
    """How many planted documents each rule caught, which were trained on, and what was learnt."""
    # Imported here for weight: this file is read for every command's --help.
    from alignment_dagster.audit.corpus.canaries import describe_canaries
    from alignment_dagster.audit.open_report import open_archive
    from alignment_dagster.cli.answer_terminal import show
    from alignment_dagster.foundation.home import assets_folder
    from alignment_dagster.preflight.studies import load_study

    declared = load_study(study, assets_folder())
    show(describe_canaries(open_archive(study), declared), as_json=as_json, html=html)
