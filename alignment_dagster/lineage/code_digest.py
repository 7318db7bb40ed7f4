"""The source behind an artifact: modules and everything of this package that they import.

Evidence only: it is recorded and compared by `audit diff`, and makes nothing stale.
"""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from alignment_dagster.foundation.digests import sha256_file, sha256_json

PACKAGE = Path(__file__).resolve().parent.parent
IMPORT = re.compile(
    rf"^[ \t]*(?:from[ \t]+({PACKAGE.name}[\w.]*)[ \t]+import[ \t]+(\([^)]*\)|[^\n#]+)"
    rf"|import[ \t]+({PACKAGE.name}[\w., \t]*))",
    re.MULTILINE,
)
"""Not Python's own parser: it fails where two threads parse at once (`SystemError: AST constructor
recursion depth mismatch`), and the partitions of a run are made side by side."""
LEFT_OUT = frozenset({"study", "foundation"})
"""They carry values and messages. Declared values are part of the inputs themselves."""


@cache
def code_digest(*modules: str) -> str:
    """Hex SHA-256 of the source of the modules (paths relative to the package) and their imports.

    The files under `steps/` count by themselves only: they import the orchestration, which cannot
    change a result.
    """
    missing = [module for module in modules if not (PACKAGE / module).is_file()]
    if missing:
        raise FileNotFoundError(f"no such module: {', '.join(missing)}")
    found: set[Path] = set()
    waiting = [PACKAGE / module for module in modules]
    while waiting:
        path = waiting.pop()
        if path in found or path.relative_to(PACKAGE).parts[0] in LEFT_OUT:
            continue
        found.add(path)
        if path.suffix == ".py" and path.parent.name != "steps":
            waiting += _imported(path)
    listed = [(path.relative_to(PACKAGE).as_posix(), sha256_file(path)) for path in sorted(found)]
    return sha256_json(listed)


@cache
def _imported(path: Path) -> tuple[Path, ...]:
    """The files of this package that a module imports; many steps share them."""
    return tuple(_imports(path))


def _imports(path: Path) -> Iterator[Path]:
    for package, names, plain in IMPORT.findall(path.read_text(encoding="utf-8")):
        found = re.findall(r"[\w.]+", plain)
        if package:
            found = [package, *(f"{package}.{name}" for name in re.findall(r"\w+", names))]
        for name in found:
            yield from _files(name)


def _files(module: str) -> Iterator[Path]:
    package, *parts = module.split(".")
    if package != PACKAGE.name:
        return
    place = PACKAGE.joinpath(*parts)
    for path in (place.with_suffix(".py"), place / "__init__.py"):
        if parts and path.is_file():
            yield path
