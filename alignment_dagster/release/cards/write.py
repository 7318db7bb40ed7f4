"""Writing all cards of a report into a new folder: whole and valid, or not at all."""

import json
from pathlib import Path

from alignment_dagster.audit.open_report import OpenedReport
from alignment_dagster.foundation.atomic_files import new_folder
from alignment_dagster.foundation.errors import AlignmentError
from alignment_dagster.release.cards.bom import bom, check_bom
from alignment_dagster.release.cards.dataset import dataset_card
from alignment_dagster.release.cards.facts import gather_facts
from alignment_dagster.release.cards.model import model_card

EXTRA = "card"


def write_cards(opened: OpenedReport, folder: Path) -> list[str]:
    """Write `model/<recipe>/README.md`, `dataset/README.md`, `croissant.json`, `bom.cdx.json`.

    Returns:
        The files, relative to the folder.

    Raises:
        AlignmentError: if the extra `card` is not installed, the folder holds something, something
            behind the report was altered, or the metadata would not be valid.
    """
    try:
        import cyclonedx  # noqa: F401
        import mlcroissant  # noqa: F401
    except ImportError as error:
        message = f"{error.name} is not installed: pip install 'alignment-dagster[{EXTRA}]'"
        raise AlignmentError(f"cards need the extra `{EXTRA}`; {message}") from None
    with new_folder(folder) as aside:
        texts = _texts(opened)
        for name, text in texts.items():
            path = aside / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    return list(texts)


def _texts(opened: OpenedReport) -> dict[str, str]:
    # mlcroissant is of the extra, and takes a second to import.
    from alignment_dagster.release.cards.croissant import check_croissant, croissant

    facts = gather_facts(opened)
    metadata, parts = croissant(facts), bom(facts)
    check_croissant(metadata)
    check_bom(parts)
    return {
        **{f"model/{mix.name}/README.md": model_card(facts, mix.name) for mix in facts.mixes},
        "dataset/README.md": dataset_card(facts),
        "croissant.json": _json(metadata),
        "bom.cdx.json": _json(parts),
    }


def _json(value: object) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False) + "\n"
