"""YAML front matter: fields between two lines at the very beginning of a text."""

import re

import yaml

BEGIN, ENDS = "---", ("---", "...")
FIELD = re.compile(r"""["']?\w[\w .-]*["']?\s*:(\s|$)""")
LARGEST = 1 << 16
"""Characters that are parsed; of a longer block the first field decides."""


def front_matter_lines(lines: list[str]) -> int:
    """How many lines at the beginning are front matter, its two borders counted; 0 without any.

    What stands between the borders has to be fields (or comments, or nothing): two rules around
    prose are none.
    """
    if not lines or lines[0].rstrip() != BEGIN:
        return 0
    ends = (number for number, line in enumerate(lines) if number and line.rstrip() in ENDS)
    end = next(ends, 0)
    return end + 1 if end and _holds_fields("\n".join(lines[1:end])) else 0


def without_front_matter(text: str) -> str:
    """The text after its front matter, where it has any."""
    lines = text.split("\n")
    taken = front_matter_lines(lines)
    return "\n".join(lines[taken:]).lstrip("\n") if taken else text


def _holds_fields(block: str) -> bool:
    written = [line for line in block.split("\n") if line.strip() and line.lstrip()[0] != "#"]
    if not written:
        return True
    if len(block) <= LARGEST:
        try:
            return isinstance(yaml.compose(block, Loader=yaml.SafeLoader), yaml.MappingNode)
        except (yaml.YAMLError, ValueError, RecursionError):
            # Published front matter is often not quite YAML (`title: One: two`).
            pass
    return FIELD.match(written[0]) is not None
