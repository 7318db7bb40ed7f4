"""Where the studies of a folder of declarations are."""

from pathlib import Path


def study_files(assets: Path) -> dict[str, Path]:
    """Name → file of each declared study, sorted; folders below `studies/` only keep order."""
    found = sorted((assets / "studies").rglob("*.yaml"), key=lambda path: path.stem)
    return {path.stem: path for path in found}
