"""What the README and the pages of `docs/` say."""

import re
from collections.abc import Iterator
from pathlib import Path

from tests.support.checkout import CHECKOUT

README = CHECKOUT / "README.md"
DOCS = CHECKOUT / "docs"
PAGES = (README, *sorted(DOCS.glob("*.md")))
FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\]\(([^)\s]+)\)")


def alignment_commands(page: Path) -> Iterator[str]:
    """Each `alignment …` of its code blocks, without the comment behind it."""
    for language, block in FENCED.findall(page.read_text(encoding="utf-8")):
        for line in block.splitlines() if language in ("", "sh") else ():
            command = re.sub(r"\s#.*| && .*", "", line.removeprefix("$ ")).strip()
            if command.startswith("alignment "):
                yield command


def local_links(page: Path) -> Iterator[str]:
    """Targets that lie in the repository, as written."""
    for target in LINK.findall(FENCED.sub("", page.read_text(encoding="utf-8"))):
        if not target.startswith(("http://", "https://", "mailto:")):
            yield target


def anchors(page: Path) -> set[str]:
    """Of its headings, as the pages have them."""
    headings = re.findall(r"^#+ (.+)$", FENCED.sub("", page.read_text(encoding="utf-8")), re.M)
    plain = (re.sub(r"[^\w\s-]", "", one.lower()).strip() for one in headings)
    return {re.sub(r"[\s-]+", "-", one) for one in plain}
