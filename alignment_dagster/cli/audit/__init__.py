"""`alignment audit …`: one file a command."""

import typer

from alignment_dagster.cli.audit import (
    acknowledge,
    approve,
    bundle,
    card,
    check,
    diff,
    head,
    impact,
    listing,
    page,
    replay,
    sql,
    trace,
    verify,
)

audit = typer.Typer(
    help="From one number to every document behind it, and back, with proof.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
audit.command("acknowledge")(acknowledge.acknowledge_command)
audit.command("approve")(approve.approve_command)
audit.command("bundle")(bundle.bundle)
audit.command("card")(card.card_command)
audit.command("check")(check.check_studies)
audit.command("diff")(diff.diff_command)
audit.command("head")(head.head_command)
audit.command("impact")(impact.impact_command)
audit.command("list")(listing.list_artifacts)
audit.command("view")(listing.view_artifact)
audit.command("page")(page.page_command)
audit.command("replay")(replay.replay)
audit.command("sql")(sql.sql)
# `-.09` is a number, and no option.
audit.command("trace", context_settings={"ignore_unknown_options": True})(trace.trace_command)
audit.command("verify")(verify.verify)
