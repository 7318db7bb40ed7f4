"""How a study is kept fresh: when it is looked at, what follows by itself, and what stops it."""

import re
import zoneinfo
from datetime import datetime
from typing import Annotated, Literal

from croniter import croniter
from pydantic import AfterValidator, Field, model_validator

from alignment_dagster.foundation.yaml_models import Declared
from alignment_dagster.study.fields import Count, Names, Positive, Share, Text
from alignment_dagster.study.measurement import Stage

Followed = Literal["scored_corpus", "dispositions", "curated_mix"]
Period = Literal["day", "week", "month"]
Moment = Literal["refreshed", "run_failed", "check_failed", "gate_blocked", "budget_spent"]
Moments = Annotated[tuple[Moment, ...], Field(strict=False, min_length=1)]
Seconds = Annotated[float, Field(gt=0, le=10)]
"""In all, with every attempt: a sensor that takes longer than a minute is ended by Dagster."""


PLAIN = r"[0-9*,/-]+"
CRON = re.compile(
    rf"{PLAIN} {PLAIN} {PLAIN} ([a-z]{{3}}|{PLAIN})+ ([a-z]{{3}}|{PLAIN})+", re.IGNORECASE
)


def _cron(text: str) -> str:
    """Five plain fields; not what some programs add: random times, last days, shorthands."""
    if not CRON.fullmatch(" ".join(text.split())) or not croniter.is_valid(text):
        raise ValueError(f"is no cron expression of five plain fields: {text!r}")
    days = " ".join([*text.split()[:4], "*"])
    try:
        # Without the days of the week: the days of the month must come by themselves.
        croniter(days, datetime(2024, 1, 1)).get_next()
    except ValueError:
        raise ValueError(f"never happens: {text!r}") from None
    return text


def _timezone(name: str) -> str:
    if name not in zoneinfo.available_timezones():
        raise ValueError(f"is no time zone: {name!r}")
    return name


class Schedule(Declared):
    """When the sources are looked at, and what is new is read."""

    cron: Annotated[Text, AfterValidator(_cron)]
    """Five fields: minute, hour, day of the month, month, day of the week."""
    timezone: Annotated[Text, AfterValidator(_timezone)] = "UTC"
    """In which the times are meant."""


class Watch(Declared):
    """Sources that are looked at between the scheduled times: a changed file, a new revision."""

    sources: Names
    """Some of the study's that lie in files."""
    every_seconds: Count = 60
    """How long until it is looked again."""


class TrainingPolicy(Declared):
    """Whether models are trained again by themselves when their mix has changed."""

    when: Literal["never", "always", "mix_changed"] = "never"
    """Never, whenever the mix is another one, or when enough of it is."""
    share: Share | None = None
    """With `mix_changed`: at least this share of the mix's tokens must be other documents'."""

    @model_validator(mode="after")
    def _share_with_mix_changed(self) -> "TrainingPolicy":
        if (self.when == "mix_changed") != (self.share is not None):
            raise ValueError("share: belongs to `when: mix_changed`, and is needed there")
        return self


class Budget(Declared):
    """What training by itself may spend in a calendar period (UTC); what is asked for is free."""

    period: Period
    """A calendar day, week or month."""
    runs: Count | None = None
    """Trained replicates (recipe and seed)."""
    device_hours: Positive | None = None
    """Hours of computing devices in training."""

    @model_validator(mode="after")
    def _something(self) -> "Budget":
        if self.runs is None and self.device_hours is None:
            raise ValueError("runs or device_hours: at least one is needed")
        return self


class Retention(Declared):
    """What `alignment lake gc` keeps besides what is current, reviewed, or being made."""

    reports: Count = 10
    """The last so many reports, and everything that they rest on."""
    days: Annotated[int, Field(ge=0)] = 30
    """Whatever became current within so many days."""


class Threshold(Declared):
    """A check warns above `warn` and blocks what follows above `block`."""

    warn: Positive
    """Above it the check warns."""
    block: Positive | None = None
    """Above it nothing follows; nothing is blocked where nothing is said."""

    @model_validator(mode="after")
    def _in_order(self) -> "Threshold":
        if self.block is not None and self.block < self.warn:
            raise ValueError("block: must not be below `warn`")
        return self


class ShareThreshold(Threshold):
    """The same of something that is never more than 1."""

    @model_validator(mode="after")
    def _can_be_exceeded(self) -> "ShareThreshold":
        for name, bound in (("warn", self.warn), ("block", self.block)):
            if bound is not None and bound >= 1:
                raise ValueError(f"{name}: must be below 1: what it bounds is never more than 1")
        return self


class Drift(Declared):
    """How far a source may move from the last version that was let through."""

    volume: Threshold = Threshold(warn=0.25, block=0.9)
    """Relative change of documents and of characters, the larger one: |now / then - 1|."""
    languages: ShareThreshold = ShareThreshold(warn=0.05, block=0.5)
    """Total variation distance of the shares of letters by script, of documents by language."""
    scores: Threshold = Threshold(warn=0.1, block=1.0)
    """Population stability index of each score's distribution, the largest of them."""
    filter_rates: ShareThreshold = ShareThreshold(warn=0.05, block=0.5)
    """Absolute change of the share that each declared drop rule would drop."""
    duplicates: ShareThreshold = ShareThreshold(warn=0.05, block=0.5)
    """Absolute change of the share of exact duplicates."""
    new_terms: ShareThreshold = ShareThreshold(warn=0.01)
    """Share of documents with the most frequent term that was not there before."""


class Gate(Declared):
    """The new report against the last approved one: how much worse a recipe may be."""

    suites: Names
    """Suites of the study that count misalignment."""
    stage: Stage = "dpo"
    """The checkpoint that is compared."""
    margin: Share = 0.05
    """A misalignment rate that is higher by more than this, beyond chance, blocks."""


class Freshness(Declared):
    """How old may be what people look at."""

    corpus_hours: Positive | None = None
    """Since the sources were last looked at."""
    report_hours: Positive | None = None
    """Since the report was last made or found to be current."""


class Webhook(Declared):
    """One JSON object is posted to an address that an environment variable holds."""

    kind: Literal["webhook"]
    """Posted to an address."""
    url_from: Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]*$")]
    """Name of the environment variable: an address often holds a secret."""
    moments: Moments
    """When it is sent."""
    timeout_seconds: Seconds = 10.0
    """In all, with every attempt."""


class Email(Declared):
    """A mail; host, user and password come from `ALIGNMENT_SMTP_*` in the environment."""

    kind: Literal["email"]
    """Sent as a mail."""
    to: Annotated[
        tuple[Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+$")], ...],
        Field(strict=False, min_length=1),
    ]
    """The addresses."""
    moments: Moments
    """When it is sent."""
    timeout_seconds: Seconds = 10.0
    """In all, with every attempt."""


class NotificationFile(Declared):
    """One JSON object a line, appended to a file in `notifications/` of the home folder."""

    kind: Literal["file"]
    """Written into a file."""
    path: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")] = "notifications.jsonl"
    """The file's name."""
    moments: Moments
    """When it is written."""


Notification = Annotated[Webhook | Email | NotificationFile, Field(discriminator="kind")]


class Refresh(Declared):
    """Fresh data without a person: looked for, read, checked, and taken as far as is declared."""

    default_status: Literal["running", "stopped"] = "running"
    """Whether it begins by itself, or waits until it is switched on in Dagster (*Automation*)."""
    schedule: Schedule | None = None
    """Looked at when a clock says so."""
    watch: Watch | None = None
    """Looked at between the scheduled times."""
    follow: Followed = "curated_mix"
    """The last asset that follows by itself once its checks have passed."""
    training: TrainingPolicy = TrainingPolicy()
    """Whether models are trained by themselves."""
    budget: Budget | None = None
    """What that may spend."""
    drift: Drift | None = None
    """How far a source may move; not looked at where nothing is said."""
    gate: Gate | None = None
    """What a new report is held against the last approved one by."""
    retention: Retention = Retention()
    """What stays in the lake."""
    freshness: Freshness = Freshness()
    """When what people look at counts as old."""
    notifications: Annotated[tuple[Notification, ...], Field(strict=False)] = ()
    """Who is told."""

    @model_validator(mode="after")
    def _training_follows_the_mix(self) -> "Refresh":
        trains = self.training.when != "never"
        if trains and self.follow != "curated_mix":
            raise ValueError("training: needs `follow: curated_mix`")
        if trains and self.budget is None:
            raise ValueError("budget: is needed where training follows by itself")
        return self
