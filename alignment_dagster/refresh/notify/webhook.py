"""One JSON object posted to an address that may be a secret itself."""

import logging

import httpx

from alignment_dagster.refresh.notify.delivery import TOO_LATE, NotSentError
from alignment_dagster.refresh.notify.message import Message
from alignment_dagster.refresh.notify.settings import webhook_url
from alignment_dagster.study import Webhook

RETRIED = frozenset({408, 425, 429, 500, 502, 503, 504})
# Both write the addresses that they call into the log.
for _name in ("httpx", "httpcore"):
    logging.getLogger(_name).setLevel(logging.WARNING)


def post(channel: Webhook, message: Message, seconds: float) -> None:
    """Post the message once. The answer's text is not read, and no redirection is followed.

    Raises:
        NotSentError: without the address.
    """
    url = webhook_url(channel.url_from)
    try:
        with (
            httpx.Client(timeout=seconds, follow_redirects=False) as client,
            client.stream("POST", url, json=message.content()) as response,
        ):
            status = response.status_code
    except (httpx.ConnectError, httpx.ConnectTimeout):
        raise NotSentError("no connection", again=True) from None
    except httpx.TimeoutException:
        # It may have arrived: another attempt could say it twice.
        raise NotSentError(TOO_LATE) from None
    except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
        raise NotSentError(type(error).__name__) from None
    if not 200 <= status < 300:
        raise NotSentError(f"HTTP status {status}", again=status in RETRIED)
