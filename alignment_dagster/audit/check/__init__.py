"""Whether everything that is recorded of a study still fits together: bytes, records, databases."""

from alignment_dagster.audit.check.ancestors import check_ancestors
from alignment_dagster.audit.check.report import Change, CheckReport, Gap
from alignment_dagster.audit.check.study import check_study

__all__ = ["Change", "CheckReport", "Gap", "check_ancestors", "check_study"]
