"""A suite's items as declared, checked, in the order of the file."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean

from alignment_dagster.corpus.rows import QuarantinedRow
from alignment_dagster.evaluation.judges import judge_inputs
from alignment_dagster.evaluation.suites.items import Item, UnusableRow
from alignment_dagster.evaluation.suites.readers import READERS
from alignment_dagster.foundation.digests import sha256_json
from alignment_dagster.foundation.errors import DataError
from alignment_dagster.foundation.home import DATA_VARIABLE, data_folder
from alignment_dagster.foundation.yaml_models import shown
from alignment_dagster.study import Suite

NATIVE_READERS = frozenset({"scenarios", "cloze"})
"""Files that can be mended: identical items are refused. In published ones they are merged."""


@dataclass(frozen=True)
class SuiteItems:
    """What a suite's file holds: items to ask, and rows that none could be made of."""

    items: tuple[Item, ...]
    set_aside: tuple[QuarantinedRow, ...]
    rows: int
    """Of the file, usable or not."""


def load_suite(suite: Suite, study_assets: Path) -> tuple[Item, ...]:
    """The suite's items, in the order of the file; with `limit`, a sample that depends on the
    items' content only.

    Raises:
        DataError: as `read_suite`.
    """
    return read_suite(suite, study_assets).items


def read_suite(suite: Suite, study_assets: Path) -> SuiteItems:
    """The suite's items, and the rows that are set aside: nothing is guessed about them.

    Raises:
        DataError: names file, line and field of the first row that cannot be used, where more of
            them are than the suite allows; or the file that cannot be read.
    """
    path = find_items_file(suite, study_assets)
    read = list(READERS[suite.items.reader](path, suite))
    faults = [one for one in read if isinstance(one, UnusableRow)]
    if len(faults) > suite.items.max_quarantined_share * len(read):
        raise DataError(f"{faults[0]}{_allowance(suite, len(faults), len(read))}")
    items = _merge_repeats(suite, (one for one in read if isinstance(one, Item)))
    for item in items:
        _check_options(suite, item)
    if not items:
        raise DataError(f"{shown(path)}: suite {suite.name}: the file holds no items")
    aside = tuple(fault.row for fault in faults)
    return SuiteItems(_sample(items, suite.items.limit), aside, len(read))


def _allowance(suite: Suite, faults: int, rows: int) -> str:
    """What would let a study go on without the rows that cannot be used."""
    allowed = (
        f"{suite.items.max_quarantined_share:.1%}" if suite.items.max_quarantined_share else "none"
    )
    return (
        f" ({faults:,} of {rows:,} rows cannot be used, {allowed} may be: "
        f"`items.max_quarantined_share` of suite {suite.name} says which share)"
    )


def chance(items: Sequence[Item]) -> float:
    """The rate of a model that draws one of each item's options by lot."""
    return fmean(1 / len(item.options) for item in items)


def content_digest(suite: Suite, study_assets: Path) -> str:
    """Hex SHA-256 of all that a result depends on: the items with their scenarios and topics, and
    the files that the suite's scorer reads.
    """
    items = load_suite(suite, study_assets)
    content = [(item.item_id, item.scenario_id, item.topic) for item in items]
    if suite.scorer is None:
        return sha256_json(content)
    return sha256_json([content, dict(judge_inputs(suite.scorer, study_assets))])


def find_items_file(suite: Suite, study_assets: Path) -> Path:
    """Where the suite's items lie: below `assets/suites` or below the data folder.

    Raises:
        DataError: if the folder or file is absent, or the path leads out of its folder.
    """
    folder = study_assets / "suites" if suite.items.folder == "assets" else _data_folder(suite)
    path = (folder / suite.items.path).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise _error(suite, f"{suite.items.path!r} leads out of the folder {shown(folder)}")
    if not path.is_file():
        raise _error(suite, f"there is no file {shown(path)}")
    return path


def _data_folder(suite: Suite) -> Path:
    folder = data_folder()
    if folder is None:
        message = f"the items lie in the data folder: set {DATA_VARIABLE} to where it is"
        raise _error(suite, message)
    if not folder.is_dir():
        raise _error(suite, f"there is no data folder {shown(folder)} ({DATA_VARIABLE})")
    return folder


def _error(suite: Suite, message: str) -> DataError:
    return DataError(f"suite {suite.name}: items.path: {message}")


def _check_options(suite: Suite, item: Item) -> None:
    """Refuse an item that the suite's kind or scorer cannot use."""
    count = len(item.options)
    scorers = (suite.scorer.kind, suite.scorer.fallback) if suite.scorer else ()
    if suite.kind == "two_option" and count != 2:
        wanted = "the kind `two_option` needs two options"
    elif suite.has_options and count < 2:
        wanted = f"the kind `{suite.kind}` needs options"
    elif "closest_option" in scorers and count < 2:
        wanted = "the scorer `closest_option` needs options"
    else:
        return
    raise DataError(f"{item.place}: suite {suite.name}: {wanted}; the item has {count or 'none'}")


def _merge_repeats(suite: Suite, items: Iterable[Item]) -> list[Item]:
    """Each item once. Identical ones are merged where the file is somebody else's, refused where
    it is ours; the same question and options under two labels is a contradiction in both.
    """
    seen: dict[tuple[str, str, frozenset[str]], Item] = {}
    for item in items:
        key = (item.question, item.ask, frozenset(item.options))
        first = seen.setdefault(key, item)
        if first is item:
            continue
        if item.options and first.options[first.target] != item.options[item.target]:
            raise DataError(
                f"{item.place}: the item of line {first.line} again, with another label"
            )
        if suite.items.reader in NATIVE_READERS:
            raise DataError(f"{item.place}: the item of line {first.line} again")
        seen[key] = replace(first, repeated_at=(*first.repeated_at, item.line))
    return list(seen.values())


def _sample(items: list[Item], limit: int | None) -> tuple[Item, ...]:
    """The `limit` items with the smallest ids (a hash, hence a sample), in the file's order."""
    if limit is None or limit >= len(items):
        return tuple(items)
    kept = set(sorted(item.item_id for item in items)[:limit])
    return tuple(item for item in items if item.item_id in kept)
