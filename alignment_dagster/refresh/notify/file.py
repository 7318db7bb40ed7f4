"""Messages as JSON lines of a file, each whole, whoever else appends."""

import json
import os
from collections.abc import Mapping
from pathlib import Path

from alignment_dagster.foundation import jsonl
from alignment_dagster.refresh.notify.delivery import NotSentError


def append_line(path: Path, content: Mapping[str, object]) -> None:
    """Append one JSON object as one line; a line that was cut short before it is ended first.

    Raises:
        NotSentError: if the file cannot be written, or is a link to somewhere else.
    """
    try:
        jsonl.append(path, [json.dumps(content, ensure_ascii=True)], private=True)
    except OSError as error:
        raise NotSentError(f"{path.name}: {os.strerror(error.errno or 0)}") from None
