"""A plain mail, handed to the server that the environment names."""

import smtplib
import ssl
from email.message import EmailMessage

from alignment_dagster.refresh.notify.delivery import TOO_LATE, NotSentError
from alignment_dagster.refresh.notify.message import Message
from alignment_dagster.refresh.notify.settings import TLS_PORT, MailServer
from alignment_dagster.study import Email


def mail(channel: Email, message: Message, seconds: float) -> None:
    """Hand in the mail once.

    Raises:
        NotSentError: without what the server said: it may quote an address or a user.
    """
    server = MailServer.from_environment()
    letter = written(channel, message, server.sender)
    try:
        with _connected(server, seconds) as connection:
            if server.user:
                connection.login(server.user, server.password)
            connection.send_message(letter)
    except smtplib.SMTPResponseException as error:
        reason, again = f"SMTP status {error.smtp_code}", 400 <= error.smtp_code < 500
        raise NotSentError(reason, again=again) from None
    except smtplib.SMTPRecipientsRefused:
        raise NotSentError("the server takes no mail for these addresses") from None
    except TimeoutError:
        raise NotSentError(TOO_LATE) from None
    except ssl.SSLError:
        raise NotSentError("no encrypted connection") from None
    except (smtplib.SMTPException, OSError, UnicodeError) as error:
        again = isinstance(error, ConnectionError)
        raise NotSentError(type(error).__name__, again=again) from None


def _connected(server: MailServer, seconds: float) -> smtplib.SMTP:
    secured = ssl.create_default_context()
    if server.port == TLS_PORT:
        return smtplib.SMTP_SSL(server.host, server.port, timeout=seconds, context=secured)
    connection = smtplib.SMTP(server.host, server.port, timeout=seconds)
    try:
        if server.starttls:
            connection.starttls(context=secured)
    except BaseException:
        connection.close()
        raise
    return connection


def written(channel: Email, message: Message, sender: str) -> EmailMessage:
    """The mail: the sentence as its subject, everything else below it."""
    letter = EmailMessage()
    letter["From"] = sender
    letter["To"] = ", ".join(channel.to)
    letter["Subject"] = message.text
    letter["Message-ID"] = f"<{message.id}@{sender.rpartition('@')[2].strip('>')}>"
    letter["Auto-Submitted"] = "auto-generated"
    lines = [message.text, ""]
    lines += [f"check:  {name}" for name in message.checks]
    lines += [f"{name}: {number}" for name, number in message.counts.items()]
    lines += [f"{name}: {link}" for name, link in message.links.items()]
    letter.set_content("\n".join([*lines, "", f"{message.at}  {message.id}"]))
    return letter
