"""The digest of the source behind an artifact: every import is followed, from any thread."""

import ast
from concurrent.futures import ThreadPoolExecutor

from alignment_dagster.lineage import code_digest as module

ENTRIES = ("training/tampering/tamper.py", "evaluation/evaluate.py", "report/html/page.py")


FILES = module.installed()


def parsed_imports(path: str) -> set[str]:
    """What Python's own parser finds."""
    names: list[str] = []
    for node in ast.walk(ast.parse(FILES[path])):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return {file for name in names for file in module.module_files(FILES, name)}


def test_every_import_is_found_that_pythons_own_parser_finds() -> None:
    modules = [path for path in FILES if path.endswith(".py")]
    assert [
        path for path in modules if set(module.find_imports(FILES, path)) != parsed_imports(path)
    ] == []


def test_threads_that_digest_at_once_agree() -> None:
    """Two partitions of a run ask for it at the same time."""

    def digest(number: int) -> str:
        module._imported_names.cache_clear()
        return module.code_digest.__wrapped__(ENTRIES[number % len(ENTRIES)])

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(digest, range(24)))
    assert len(set(found)) == len(ENTRIES)
    assert found[: len(ENTRIES)] == found[-len(ENTRIES) :]
