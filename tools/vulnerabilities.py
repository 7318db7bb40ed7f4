"""Known vulnerabilities of the pinned dependencies, as pip-audit finds them; part of `make check`.

Where nobody can be asked, it says so and lets the check go on.
"""

import json
import subprocess
import sys
import tempfile
import textwrap
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
VULNERABLE = "jinja2==2.10"
"""Its vulnerabilities were published years ago: who names none of them knows of none at all."""
TIMEOUT = 15
"""Seconds that pip-audit waits for an answer."""
LINE = 200
"""Characters of an error that are shown."""


class NoAnswer(Exception):
    """Why pip-audit came to no result."""


@dataclass(frozen=True)
class Answer:
    """What is known of the requirements in a file."""

    found: tuple[str, ...]
    unknown: tuple[str, ...]
    """Requirements of which nobody could say anything."""


def main(folder: Path) -> int:
    """Print what was found: 1 where a vulnerability is known and not declared as ignored."""
    ignored = _ignored(folder / "pyproject.toml")
    reason = _why_not()
    if reason:
        print(f"vulnerabilities: not checked: {reason}")
        return 0
    try:
        answer = _ask(folder / "constraints.txt", ignored)
    except NoAnswer as error:
        print(f"vulnerabilities: the check broke off: {error}")
        return 1
    for line in answer.found:
        print(f"vulnerabilities: {line}")
    if answer.unknown:
        print(f"vulnerabilities: not checked: {', '.join(answer.unknown)}")
    print(f"vulnerabilities: {len(answer.found)} known, {len(ignored)} declared as ignored")
    return 1 if answer.found else 0


def _ignored(path: Path) -> Mapping[str, str]:
    """Vulnerability → why it does not matter here, from `[tool.vulnerabilities.ignored]`."""
    tools = tomllib.loads(path.read_text()).get("tool", {})
    ignored: dict[str, str] = tools.get("vulnerabilities", {}).get("ignored", {})
    for name, reason in ignored.items():
        if not isinstance(reason, str) or not reason.strip():
            sys.exit(f"{path.name}: tool.vulnerabilities.ignored.{name}: a reason is needed")
    return ignored


def _why_not() -> str:
    """Why nothing can be checked here; "" where it can."""
    with tempfile.TemporaryDirectory() as name:
        file = Path(name) / "requirements.txt"
        file.write_text(VULNERABLE)
        try:
            known = _ask(file, {}).found
        except NoAnswer as reason:
            return str(reason)
    return "" if known else f"nobody here knows of those of {VULNERABLE}"


def _ask(requirements: Path, ignored: Mapping[str, str]) -> Answer:
    """Run pip-audit.

    Raises:
        NoAnswer: with the last line that it said.
    """
    command = [
        str(Path(sys.executable).parent / "pip-audit"), "--requirement", str(requirements),
        "--no-deps", "--disable-pip", "--format", "json", "--desc", "off",
        "--progress-spinner", "off", "--timeout", str(TIMEOUT),
        *(f"--ignore-vuln={name}" for name in ignored),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True)
    try:
        dependencies = json.loads(done.stdout)["dependencies"]
    except ValueError:
        said = done.stderr.strip().splitlines() or [f"it ended with {done.returncode}"]
        raise NoAnswer(f"pip-audit: {textwrap.shorten(said[-1], LINE)}") from None
    return Answer(
        tuple(_line(one, fault) for one in dependencies for fault in one.get("vulns", ())),
        tuple(one["name"] for one in dependencies if "skip_reason" in one),
    )


def _line(dependency: Mapping[str, str], fault: Mapping[str, list[str]]) -> str:
    names = " ".join([str(fault["id"]), *fault["aliases"]])
    mended = ", ".join(fault["fix_versions"]) or "no version"
    return f"{dependency['name']} {dependency['version']}: {names}; mended in {mended}"


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT))
