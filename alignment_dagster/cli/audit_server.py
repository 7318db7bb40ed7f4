"""The audit's pages as `alignment ui` starts them: with what is stale by the declarations of today.

python -m alignment_dagster.cli.audit_server
"""

import contextlib
from typing import TYPE_CHECKING

from alignment_dagster.audit.pages.server import server
from alignment_dagster.audit.pages.stale import Stale
from alignment_dagster.foundation.home import Home

if TYPE_CHECKING:  # for weight, as below
    from alignment_dagster.audit.check.report import Change


def find_changes(study: str) -> "tuple[Change, ...] | None":
    """What changed since the study's report was made; None where it is not declared (any more).

    Raises:
        AlignmentError: if its lake or its declaration of today cannot be read.
    """
    # Imported here for weight: Dagster stands behind it, and the pages are to open at once.
    from alignment_dagster.audit.check.study import find_changes_since_report
    from alignment_dagster.audit.open_report import open_archive
    from alignment_dagster.cli.audit.check_lake import declared_today

    home = Home.from_environment()
    today = declared_today(study)
    if today is None:
        return None
    return find_changes_since_report(open_archive(study, home), home, today)


def main() -> None:
    """Serve until SIGINT or SIGTERM."""
    with contextlib.suppress(KeyboardInterrupt):
        server(Home.from_environment(), stale=Stale(find_changes)).run()


if __name__ == "__main__":
    main()
