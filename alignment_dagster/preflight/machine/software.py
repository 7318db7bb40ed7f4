"""Python, PyTorch, and which extras are installed."""

import platform
from collections.abc import Iterator
from importlib import metadata

from packaging.requirements import Requirement

from alignment_dagster.preflight.machine.finding import Finding, Verdict

PACKAGE = "alignment-dagster"
BESIDE_USE = ("dev", "docs")
"""Extras of whoever works on the package."""


def examine_software() -> Iterator[Finding]:
    """Python and platform, then the extras."""
    yield Finding("Python", Verdict.OK, f"{platform.python_version()} on {platform.platform()}")
    here, missing = installed_extras()
    words = f"installed: {', '.join(here) or 'none'}"
    if missing:
        words += f"; not installed: {', '.join(missing)} (pip install '{PACKAGE}[{missing[0]}]')"
    yield Finding("extras", Verdict.OK, words)


def installed_extras() -> tuple[list[str], list[str]]:
    """The extras of which everything is installed, and the others."""
    needed: dict[str, list[str]] = {}
    for line in metadata.requires(PACKAGE) or ():
        wanted = Requirement(line)
        for extra in metadata.metadata(PACKAGE).get_all("Provides-Extra") or ():
            if wanted.marker and wanted.marker.evaluate({"extra": extra}):
                needed.setdefault(extra, []).append(wanted.name)
    here: dict[bool, list[str]] = {True: [], False: []}
    for extra, packages in needed.items():
        if extra not in BESIDE_USE:
            here[all(map(_is_installed, packages))].append(extra)
    return here[True], here[False]


def _is_installed(package: str) -> bool:
    try:
        metadata.version(package)
    except metadata.PackageNotFoundError:
        return False
    return True
