"""`alignment budget`: what training by itself may spend, and has spent."""

from typing import TYPE_CHECKING

from alignment_dagster.cli.options import StudyName

if TYPE_CHECKING:
    from rich.table import Table

    from alignment_dagster.refresh.budget import Account


def budget(study: StudyName) -> None:
    """Show what training by itself may spend, has spent, and when the period ends."""
    # Imported here for weight: this file is read for every command's --help.
    from rich.console import Console

    from alignment_dagster.foundation.home import Home, assets_folder
    from alignment_dagster.graph.instance import open_reader
    from alignment_dagster.lineage.lake import Lake
    from alignment_dagster.preflight.studies import load_study
    from alignment_dagster.refresh.training_policy import account_of, policy_words

    declared, home = load_study(study, assets_folder()), Home.from_environment()
    console = Console(highlight=False, soft_wrap=True)
    console.print(f"{study}: {policy_words(declared)}")
    refresh = declared.declaration.refresh
    if refresh is None or refresh.budget is None:
        return
    with open_reader(home) as instance:
        spent = account_of(declared, refresh.budget, instance, Lake(home.lake))
    console.print(_table(spent))
    console.print("What people start is not counted.")


def _table(spent: "Account") -> "Table":
    # Imported here for weight: this file is read for every command's --help.
    from rich.table import Table

    period = f"{spent.start:%Y-%m-%d} to {spent.end:%Y-%m-%d} UTC"
    table = Table("limit", "may spend", "spent", "promised", "left", title=period, box=None)
    limits = spent.budget
    if limits.runs is not None:
        left = max(0, limits.runs - spent.runs)
        table.add_row("runs", str(limits.runs), str(spent.runs), "in spent", str(left))
    if limits.device_hours is not None:
        promised, hours = spent.promised_hours, spent.device_hours
        left_hours = max(0.0, limits.device_hours - hours - (promised or 0.0))
        shown = "not known" if promised is None else f"{promised:.2f}"
        table.add_row(
            "device hours", f"{limits.device_hours:g}", f"{hours:.2f}", shown, f"{left_hours:.2f}"
        )
    return table
