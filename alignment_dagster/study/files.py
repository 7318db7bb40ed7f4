"""Where the studies of a folder of declarations are."""

from pathlib import Path

from alignment_dagster.foundation.errors import DeclarationError
from alignment_dagster.foundation.foreign_files import is_utf8
from alignment_dagster.foundation.yaml_models import shown


def study_files(assets: Path) -> dict[str, Path]:
    """Name → file of each declared study, sorted; folders below `studies/` only keep order.

    Raises:
        DeclarationError: if two files have one name.
    """
    found: dict[str, Path] = {}
    for path in sorted((assets / "studies").rglob("*.yaml")):
        if not is_utf8(path):
            raise DeclarationError(f"{shown(path)}: has a name that is not UTF-8: rename it")
        if path.stem in found:
            other = shown(found[path.stem])
            raise DeclarationError(f"{shown(path)}: {other} is a study of the same name")
        found[path.stem] = path
    return dict(sorted(found.items()))
