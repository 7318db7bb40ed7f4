"""What is told: names, numbers and addresses of pages, and a sentence made of them."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import Field

from alignment_dagster.foundation import page_links
from alignment_dagster.foundation.digests import sha256_text
from alignment_dagster.foundation.yaml_models import Declared
from alignment_dagster.study import Moment

NAME = r"^[A-Za-z0-9_][A-Za-z0-9_.:|-]{0,199}$"
"""A name has no space: no sentence of a document, prompt or error passes for one."""
MOST_CHECKS = 20
PlainName = Annotated[str, Field(pattern=NAME)]
Link = Annotated[str, Field(pattern=rf"^{re.escape(page_links.HOST_URL)}[!-~]*$", max_length=1000)]
HAPPENED: Mapping[str, str] = {
    "refreshed": "is fresh: {what} was made anew",
    "run_failed": "a run failed: {what}",
    "check_failed": "{checks} blocking check(s) did not pass: {what}; nothing follows from it",
    "gate_blocked": "the new report is worse than the approved one: {what} is blocked",
    "budget_spent": "the budget for training by itself is spent",
    "test": "this is a test",
}


class Message(Declared):
    """What is sent, field by field. Whatever is not a field is not told."""

    id: PlainName
    """The same for the same event: a receiver that gets it twice can tell."""
    study: PlainName
    moment: Moment | Literal["test"]
    at: str
    """When the message was made, ISO 8601, UTC."""
    asset: PlainName | None = None
    partition: PlainName | None = None
    run_id: PlainName | None = None
    checks: Annotated[tuple[PlainName, ...], Field(max_length=MOST_CHECKS)] = ()
    counts: dict[PlainName, int | float] = Field(default_factory=dict)
    links: dict[PlainName, Link] = Field(default_factory=dict)

    @property
    def text(self) -> str:
        """One sentence for a person."""
        what = self.asset or "see the run"
        if self.asset and self.partition:
            what += f"[{self.partition}]"
        count = self.counts.get("failed_checks", len(self.checks))
        return f"{self.study}: {HAPPENED[self.moment].format(what=what, checks=count)}"

    def content(self) -> dict[str, object]:
        """What a webhook and a file are given."""
        return {**self.model_dump(mode="json"), "text": self.text}


def a_name(value: str | None) -> str | None:
    """The value where it is a plain name; otherwise nothing, since it could be anything."""
    return value if value is not None and re.fullmatch(NAME[1:-1], value) else None


def message(
    study: str,
    moment: Moment | Literal["test"],
    event: str,
    *,
    asset: str | None = None,
    partition: str | None = None,
    run_id: str | None = None,
    version: str | None = None,
    mlflow_run_id: str | None = None,
    checks: Sequence[str] = (),
    counts: Mapping[str, int | float] | None = None,
) -> Message:
    """A message of what can be told; a value that is no plain name is left out.

    Args:
        study: its name.
        moment: what has happened.
        event: what tells this one from all others of its kind: a run's id, a period.
        asset: of the study.
        partition: of the asset.
        run_id: Dagster's.
        version: of the artifact that was made.
        mlflow_run_id: of the run that tracked it.
        checks: names only.
        counts: numbers by name.
    """
    asset, partition, run_id = a_name(asset), a_name(partition), a_name(run_id)
    names = [name for check in checks if (name := a_name(check))]
    return Message(
        id=sha256_text(study, moment, event)[:32],
        study=study,
        moment=moment,
        at=datetime.now(UTC).isoformat(timespec="seconds"),
        asset=asset,
        partition=partition,
        run_id=run_id,
        checks=tuple(names[:MOST_CHECKS]),
        counts={name: value for name, value in (counts or {}).items() if a_name(name)},
        links=_links(study, asset, partition, run_id, a_name(version), a_name(mlflow_run_id)),
    )


def _links(
    study: str,
    asset: str | None,
    partition: str | None,
    run_id: str | None,
    version: str | None,
    mlflow_run_id: str | None,
) -> dict[str, str]:
    found = {"audit": page_links.audit_study(study)}
    if asset:
        found["asset"] = page_links.dagster_asset(study, asset, partition)
    if asset and version:
        found["audit"] = page_links.audit_page(study, asset, partition, version)
    if run_id:
        found["run"] = page_links.dagster_run(run_id)
    if mlflow_run_id:
        found["mlflow"] = page_links.mlflow_run(mlflow_run_id)
    return found
