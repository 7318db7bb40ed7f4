"""The kinds of values that declarations are made of."""

from pathlib import PurePosixPath
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from alignment_dagster.foundation.declaration_mistakes import NAME_PATTERN

Name = Annotated[str, Field(pattern=NAME_PATTERN, max_length=60)]
Text = Annotated[str, Field(min_length=1)]
Share = Annotated[float, Field(gt=0, lt=1)]
Count = Annotated[int, Field(ge=1, lt=2**63)]
Seed = Annotated[int, Field(ge=0, lt=2**32)]
"""The libraries that draw take no more than 32 bits."""
Positive = Annotated[float, Field(gt=0)]
Fingerprint = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
"""Of an ed25519 key: the hex SHA-256 of the 32 bytes of its public half."""
Revision = Annotated[str, Field(pattern=r"^[0-9a-f]{40}$")]
"""A commit of the hub."""
ScorerName = Annotated[
    str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_.]*(:[A-Za-z_][A-Za-z0-9_]*)?$", max_length=120)
]
"""One of the package's, `module:function`, or `classifier:` and a classifier's name."""
Names = Annotated[tuple[Name, ...], Field(strict=False, min_length=1)]
LONGEST_PART, LONGEST_PATH = 255, 1000
"""Bytes; file systems take no more."""


def added(default: Any) -> Any:
    """The default of a field that artifacts are older than.

    Where it stands, the field is left out of what is dumped: a declaration that says nothing of
    it keeps the digest that it had, and nothing that was made becomes stale.
    """
    return Field(default=default, exclude_if=lambda value: value == default)


def _inside(path: str) -> str:
    """Below the folder that it is relative to; where links lead is looked at when it is read."""
    parts = PurePosixPath(path).parts
    if "\0" in path or path.startswith("/") or ".." in parts:
        raise ValueError("must be relative, and lead out of no folder")
    if len(path.encode()) > LONGEST_PATH or any(len(p.encode()) > LONGEST_PART for p in parts):
        raise ValueError("is longer than a path can be")
    return path


DeclaredPath = Annotated[Text, AfterValidator(_inside)]
"""Relative to a folder that its field names, and never out of it."""
