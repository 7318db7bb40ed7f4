"""Sending a message on every channel that a study declares for its moment, side by side."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

from alignment_dagster.foundation.digests import sha256_text
from alignment_dagster.foundation.home import Home
from alignment_dagster.refresh.notify.delivery import NotSentError, deliver
from alignment_dagster.refresh.notify.file import append_line
from alignment_dagster.refresh.notify.message import Message, message
from alignment_dagster.refresh.notify.once import once
from alignment_dagster.study import Email, Notification, NotificationFile, Study, Webhook

FILE_SECONDS = 5.0


def notify(study: Study, messages: Sequence[Message]) -> list[str]:
    """Send each message on the channels that are declared for its moment, once.

    Whatever goes wrong is a line in `refresh/notifications-failed.jsonl` of the home folder: this
    raises nothing, and takes no longer than the longest `timeout_seconds`.

    Returns:
        For each message that was not sent, the channel and the reason, without secrets.
    """
    refresh = study.declaration.refresh
    channels = refresh.notifications if refresh else ()
    pairs = [(to, one) for one in messages for to in channels if one.moment in to.moments]
    reasons = zip(pairs, _send(pairs), strict=True)
    return [f"{name(to)}: {one.moment}: {why}" for (to, one), why in reasons if why is not None]


def send_test(study: Study) -> list[tuple[str, str | None]]:
    """Send a test message on every declared channel: the channel, and why it was not sent."""
    channels = refresh.notifications if (refresh := study.declaration.refresh) else ()
    test = message(study.name, "test", datetime.now(UTC).isoformat())
    reasons = _send([(to, test) for to in channels])
    return [(name(to), reason) for to, reason in zip(channels, reasons, strict=True)]


def _send(pairs: Sequence[tuple[Notification, Message]]) -> list[str | None]:
    """Why each was not sent; None where it was, or had been before."""
    home = Home.from_environment()
    if not pairs:
        return []
    with ThreadPoolExecutor(len(pairs)) as pool:
        return list(pool.map(lambda pair: _send_once(home, *pair), pairs))


def _send_once(home: Home, channel: Notification, told: Message) -> str | None:
    reasons: list[str] = []

    def tell() -> None:
        send, seconds = _sender(home, channel, told)
        reason = deliver(send, seconds)
        if reason is not None:
            reasons.append(reason)
            _record(home, channel, told, reason)

    key = sha256_text(told.id, name(channel))
    once(home.refresh / "notified", key, tell)
    return reasons[0] if reasons else None


def _sender(
    home: Home, channel: Notification, told: Message
) -> tuple[Callable[[float], None], float]:
    # Imported here: a study without such a channel needs none of it.
    if isinstance(channel, Webhook):
        from alignment_dagster.refresh.notify.webhook import post

        return lambda seconds: post(channel, told, seconds), channel.timeout_seconds
    if isinstance(channel, Email):
        from alignment_dagster.refresh.notify.mail import mail

        return lambda seconds: mail(channel, told, seconds), channel.timeout_seconds
    path = home.notifications / channel.path
    return lambda _seconds: append_line(path, told.content()), FILE_SECONDS


def _record(home: Home, channel: Notification, told: Message, reason: str) -> None:
    try:
        append_line(
            home.refresh / "notifications-failed.jsonl",
            {**told.content(), "channel": name(channel), "reason": reason},
        )
    except NotSentError:
        return


def name(channel: Notification) -> str:
    """A channel as a person knows it; never the address that a variable holds."""
    if isinstance(channel, NotificationFile):
        return f"file {channel.path}"
    if isinstance(channel, Webhook):
        return f"webhook {channel.url_from}"
    return f"email {', '.join(channel.to)}"
