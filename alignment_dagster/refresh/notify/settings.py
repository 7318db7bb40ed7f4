"""What the environment says of webhooks and mail; its values appear in no text."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import httpx

from alignment_dagster.foundation.errors import DeclarationError
from alignment_dagster.refresh.notify.delivery import NotSentError
from alignment_dagster.study import Email, Study, Webhook

HOST, PORT, FROM = "ALIGNMENT_SMTP_HOST", "ALIGNMENT_SMTP_PORT", "ALIGNMENT_SMTP_FROM"
USER, PASSWORD = "ALIGNMENT_SMTP_USER", "ALIGNMENT_SMTP_PASSWORD"
STARTTLS = "ALIGNMENT_SMTP_STARTTLS"
LOOPBACK = ("127.0.0.1", "::1", "localhost")
TLS_PORT = 465
"""There TLS begins with the connection."""


@dataclass(frozen=True)
class MailServer:
    """Where mail is handed in."""

    host: str
    port: int
    sender: str
    user: str
    password: str = field(repr=False)
    starttls: bool

    @classmethod
    def from_environment(cls) -> "MailServer":
        """From `ALIGNMENT_SMTP_*`; STARTTLS unless it says `no`, port 587 unless given.

        Raises:
            NotSentError: names the variable that is not set or cannot be used.
        """
        host, sender = needed(HOST), needed(FROM)
        if "@" not in sender or not sender.isprintable():
            raise NotSentError(f"{FROM} is not a mail address")
        port, starttls = value(PORT) or "587", value(STARTTLS) or "yes"
        if not (port.isascii() and port.isdigit() and 0 < int(port) < 65536):
            raise NotSentError(f"{PORT} is not a port number")
        if starttls not in ("yes", "no"):
            raise NotSentError(f"{STARTTLS} must be `yes` or `no`")
        encrypted = starttls == "yes" or int(port) == TLS_PORT
        if value(USER) and not encrypted and host not in LOOPBACK:
            raise NotSentError(f"{STARTTLS} is `no`: the password would be sent unencrypted")
        return cls(host, int(port), sender, value(USER), value(PASSWORD), starttls == "yes")


def value(variable: str) -> str:
    """What the environment says; empty where it says nothing."""
    return os.environ.get(variable, "").strip()


def needed(variable: str) -> str:
    """What the environment says.

    Raises:
        NotSentError: where it says nothing.
    """
    if not value(variable):
        raise NotSentError(f"{variable} is not set")
    return value(variable)


def webhook_url(variable: str) -> str:
    """The address that the variable holds.

    Raises:
        NotSentError: if it is not set, or is no http or https URL, or holds a password; the
            message never quotes it.
    """
    text = needed(variable)
    try:
        urlsplit(text)  # is strict about brackets
        parsed = httpx.URL(text)
    except (httpx.InvalidURL, ValueError):
        raise NotSentError(f"{variable} is not a URL") from None
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise NotSentError(f"{variable} is not an http or https URL")
    if parsed.userinfo:
        raise NotSentError(f"{variable} holds a user or password before the host: put none there")
    return text


def problems(study: Study) -> Iterator[str]:
    """Lines on what the environment does not say; secrets may be set where the daemon runs only.

    Raises:
        DeclarationError: if it says something that cannot be used; the value is not shown.
    """
    refresh = study.declaration.refresh
    for channel in refresh.notifications if refresh else ():
        try:
            if isinstance(channel, Webhook):
                webhook_url(channel.url_from)
            elif isinstance(channel, Email):
                MailServer.from_environment()
        except NotSentError as error:
            line = f"{study.name}: refresh.notifications: {error}"
            if not str(error).endswith("is not set"):
                raise DeclarationError(line) from None
            yield f"{line} here; it must be where the daemon runs"
