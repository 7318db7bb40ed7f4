"""The digest of the source behind an artifact: every import is followed, from any thread."""

import ast
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from alignment_dagster.lineage import code_digest as module

ENTRIES = ("training/tampering/tamper.py", "evaluation/evaluate.py", "report/html/page.py")


def parsed_imports(path: Path) -> set[Path]:
    """What Python's own parser finds."""
    names: list[str] = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return {file for name in names for file in module._files(name)}


def test_every_import_is_found_that_pythons_own_parser_finds() -> None:
    unlike = [
        path
        for path in module.PACKAGE.rglob("*.py")
        if set(module._imports(path)) != parsed_imports(path)
    ]
    assert unlike == []


def test_threads_that_digest_at_once_agree() -> None:
    """Two partitions of a run ask for it at the same time."""

    def digest(number: int) -> str:
        module._imported.cache_clear()
        return module.code_digest.__wrapped__(ENTRIES[number % len(ENTRIES)])

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(digest, range(24)))
    assert len(set(found)) == len(ENTRIES)
    assert found[: len(ENTRIES)] == found[-len(ENTRIES) :]
