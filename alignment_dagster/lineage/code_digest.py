"""The source behind an artifact: modules and everything of this package that they import.

Evidence only: it is recorded and compared by `audit diff`, and makes nothing stale. `audit check`
computes it again at the commit that the record names.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping
from functools import cache

from alignment_dagster.foundation.digests import sha256_json
from alignment_dagster.foundation.shipped import PACKAGE
from alignment_dagster.lineage.checkout import Checkout, files_below

IMPORT = re.compile(
    rf"^[ \t]*(?:from[ \t]+({PACKAGE.name}[\w.]*)[ \t]+import[ \t]+(\([^)]*\)|[^\n#]+)"
    rf"|import[ \t]+({PACKAGE.name}[\w., \t]*))",
    re.MULTILINE,
)
"""Not Python's own parser: it fails where two threads parse at once (`SystemError: AST constructor
recursion depth mismatch`), and the partitions of a run are made side by side."""
LEFT_OUT = frozenset({"study", "foundation"})
"""They carry values and messages. Declared values are part of the inputs themselves."""

Files = Mapping[str, bytes]
"""Path in the package → content."""


@cache
def code_digest(*modules: str) -> str:
    """Hex SHA-256 of the source of the modules (paths relative to the package) and their imports.

    The files under `steps/` count by themselves only: they import the orchestration, which cannot
    change a result.

    Raises:
        FileNotFoundError: if there is no such module.
    """
    return digest_files(installed(), modules)


@cache
def committed_code_digest(commit: str, *modules: str) -> str | None:
    """The same of the source at a commit; None where the commit is not known here.

    Raises:
        FileNotFoundError: if it has no such module.
    """
    files = _committed(commit)
    return None if files is None else digest_files(files, modules)


def digest_files(files: Files, modules: tuple[str, ...]) -> str:
    """The same of any files."""
    missing = [module for module in modules if module not in files]
    if missing:
        raise FileNotFoundError(f"no such module: {', '.join(missing)}")
    found: dict[str, str] = {}
    waiting = list(modules)
    while waiting:
        path = waiting.pop()
        package, _, _ = path.partition("/")
        if path in found or package in LEFT_OUT:
            continue
        found[path] = hashlib.sha256(files[path]).hexdigest()
        if path.endswith(".py") and path.rpartition("/")[0].rpartition("/")[2] != "steps":
            waiting += find_imports(files, path)
    return sha256_json(sorted(found.items(), key=lambda item: item[0].split("/")))


@cache
def installed() -> Files:
    """The package as it is when this is asked first."""
    return {
        path.relative_to(PACKAGE).as_posix(): path.read_bytes() for path in files_below(PACKAGE)
    }


@cache
def _committed(commit: str) -> Files | None:
    """The package at a commit; None where that is not known here, or has it somewhere else."""
    checkout = Checkout.around(PACKAGE)
    blobs = checkout.blobs(commit, PACKAGE) if checkout else None
    if checkout is None or not blobs:
        return None
    contents = checkout.read(blobs)
    if contents is None:
        return None
    return {path.relative_to(PACKAGE).as_posix(): _shared(one) for path, one in contents.items()}


@cache
def _shared(content: bytes) -> bytes:
    """The same object for the same content: commits have most of their files in common."""
    return content


def find_imports(files: Files, path: str) -> Iterator[str]:
    """The files of this package that a module imports."""
    for name in _imported_names(files[path]):
        yield from module_files(files, name)


def module_files(files: Files, name: str) -> Iterator[str]:
    """The file of a module by its dotted name; none where it is no module of this package."""
    package, *parts = name.split(".")
    place = "/".join(parts)
    for file in (f"{place}.py", f"{place}/__init__.py"):
        if package == PACKAGE.name and parts and file in files:
            yield file


@cache
def _imported_names(source: bytes) -> tuple[str, ...]:
    """Modules and what is in them, by dotted names; many steps share what they import."""
    names: list[str] = []
    for package, listed, plain in IMPORT.findall(source.decode()):
        if package:
            names += [package, *(f"{package}.{name}" for name in re.findall(r"\w+", listed))]
        else:
            names += re.findall(r"[\w.]+", plain)
    return tuple(names)
