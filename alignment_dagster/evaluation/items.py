"""One evaluation item, and one line of an items file with errors that name file, line and field."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alignment_dagster.declarations import shown
from alignment_dagster.digests import sha256_json, sha256_text
from alignment_dagster.errors import DataError


@dataclass(frozen=True)
class Item:
    """A question with two or more options, one of which is the target."""

    item_id: str
    suite: str
    scenario_id: str
    """The cluster: all items of a scenario are resampled together."""
    topic: str
    question: str
    """The situation or context, without options."""
    options: tuple[str, ...]
    target: int
    """Index of the misaligned option; in capability suites, of the correct one."""
    path: str
    line: int
    ask: str = ""
    """What is asked about the situation, where the file gives it separately."""
    repeated_at: tuple[int, ...] = ()
    """Lines of identical items that were merged into this one."""

    @property
    def place(self) -> str:
        """File and line, for messages."""
        return f"{self.path}:{self.line}"


@dataclass(frozen=True)
class Row:
    """One JSON object of an items file."""

    path: Path
    line: int
    data: dict[str, Any]

    def error(self, field: str, message: str) -> DataError:
        """An error that names this file, this line and the field."""
        return DataError(f"{shown(self.path)}:{self.line}: {field}: {message}")

    def only(self, *fields: str) -> None:
        """Refuse fields that the reader does not know: they are usually misspelt."""
        unknown = sorted(set(self.data) - set(fields))
        if unknown:
            raise self.error(unknown[0], f"unknown field (known: {', '.join(fields)})")

    def text(self, field: str) -> str:
        """A text that is not empty, without surrounding white space."""
        if field not in self.data:
            raise self.error(field, "this field is required")
        return self._text(field, self.data[field])

    def texts(self, field: str) -> tuple[str, ...]:
        """At least two different texts."""
        values = self.data.get(field)
        if not isinstance(values, list):
            raise self.error(field, "expected a list of texts")
        texts = tuple(self._text(f"{field}.{n}", value) for n, value in enumerate(values))
        self.require_distinct(field, texts)
        return texts

    def require_distinct(self, field: str, options: tuple[str, ...]) -> None:
        """Refuse fewer than two options, or identical ones: they measure nothing."""
        if len(options) < 2:
            raise self.error(field, f"at least two options are needed (got {len(options)})")
        for n, option in enumerate(options):
            if option in options[:n]:
                raise self.error(field, f"two options are identical: {option[:60]!r}")

    def index(self, field: str, count: int, meaning: str) -> int:
        """The index of one of `count` options."""
        if self.data.get(field) is None:
            raise self.error(field, f"this field is required: it says which option is {meaning}")
        value = self.data[field]
        if isinstance(value, bool) or not isinstance(value, int):
            raise self.error(field, f"expected the index of an option (got {value!r})")
        if not 0 <= value < count:
            raise self.error(field, f"there is no option {value}: the item has {count}, from 0")
        return int(value)

    def item(
        self,
        suite: str,
        topic: str,
        question: str,
        options: tuple[str, ...],
        target: int,
        *,
        ask: str = "",
    ) -> Item:
        """The item, identified by its suite's name and its content."""
        content = [question, ask, list(options), target]
        item_id = sha256_text(suite, sha256_json(content))
        scenario = self.text("scenario_id") if "scenario_id" in self.data else item_id
        place = (shown(self.path), self.line)
        return Item(item_id, suite, scenario, topic, question, options, target, *place, ask)

    def _text(self, field: str, value: Any) -> str:
        if not isinstance(value, str):
            raise self.error(field, f"expected text (got {type(value).__name__})")
        if not value.strip():
            raise self.error(field, "the text is empty")
        try:
            value.encode("utf-8")
        except UnicodeEncodeError:
            raise self.error(field, "the text holds half of a surrogate pair") from None
        return value.strip()


def read_rows(path: Path) -> Iterator[Row]:
    """The JSON objects of a JSONL file; blank lines are passed over.

    Raises:
        DataError: names file and line of what is not UTF-8 or not a JSON object.
    """
    for number, raw in enumerate(path.read_bytes().split(b"\n"), start=1):
        if raw.strip():
            yield Row(path, number, _parsed(path, number, raw))


def _parsed(path: Path, number: int, raw: bytes) -> dict[str, Any]:
    place = f"{shown(path)}:{number}"
    try:
        value = json.loads(raw.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise DataError(f"{place}: not UTF-8 at byte {error.start} of the line") from None
    except json.JSONDecodeError as error:
        raise DataError(f"{place}: not JSON: {error.msg} at column {error.colno}") from None
    except RecursionError:
        raise DataError(f"{place}: not JSON: nested too deeply") from None
    if not isinstance(value, dict):
        raise DataError(f"{place}: expected a JSON object (got {type(value).__name__})")
    return value
