"""Seals of what a run that was stopped is resumed from, in the work folder.

Whoever can write there can write any digest too; a seal needs a key, which is derived from the
signing key and lies nowhere (`Signer.derive`). A process that makes artifacts is told it, and tells
its jobs by their environment. A job that somebody starts by hand has none: what it leaves is
resumed by hand alone.
"""

import hmac
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from alignment_dagster.foundation.digests import canonical_json, sha256_file

KEY_VARIABLE = "ALIGNMENT_WORK_KEY"
PURPOSE = "work"
"""What the key is derived for."""
SUFFIX = ".seal"
_told: list[str] = []


def use_key(key: str) -> None:
    """Seal with this key from now on, in this process."""
    _told[:] = [key]


def seal(content: Any) -> str:
    """Hex HMAC-SHA256 of a value's canonical JSON."""
    key = _told[0] if _told else os.environ.get(KEY_VARIABLE, "")
    return hmac.new(key.encode(), canonical_json(content).encode(), "sha256").hexdigest()


def is_sealed(content: Any, given: object) -> bool:
    """Whether this is the seal of that value."""
    text = given if isinstance(given, str) else ""
    return hmac.compare_digest(seal(content).encode(), text.encode("utf-8", "surrogatepass"))


def place_of(work: Path) -> str:
    """A work folder by study, asset and inputs: what was sealed for one is nothing to another."""
    return "/".join(work.parts[-3:])


def write_seal(path: Path, place: str, files: Mapping[str, Path]) -> None:
    """Seal these files, which are whole, at `path`."""
    path.write_text(seal(_content(place, files)), encoding="utf-8")


def has_seal(path: Path, place: str, files: Mapping[str, Path]) -> bool:
    """Whether these files, and all of them, are what was sealed at `path`."""
    try:
        given = path.read_text(encoding="utf-8", errors="replace")
        return is_sealed(_content(place, files), given)
    except OSError:
        return False


def _content(place: str, files: Mapping[str, Path]) -> dict[str, Any]:
    return {"place": place, "files": {name: sha256_file(path) for name, path in files.items()}}
