"""A new folder that is there whole, or not at all."""

import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alignment_dagster.foundation.errors import AlignmentError


@contextmanager
def new_folder(target: Path) -> Iterator[Path]:
    """A folder to write into; it gets its name at the end, and nothing is left if anything fails.

    Raises:
        AlignmentError: if `target` holds something, or cannot be written.
    """
    if target.is_symlink() or (target.exists() and not target.is_dir()):
        raise AlignmentError(f"{target}: is not a folder")
    if target.exists() and any(target.iterdir()):
        raise AlignmentError(f"{target}: is not empty; name a new folder")
    aside = target.absolute().with_name(f".{target.absolute().name}.{uuid.uuid4().hex[:8]}")
    try:
        aside.mkdir(parents=True)
        yield aside
        os.rename(aside, target)
    except OSError as error:
        raise AlignmentError(f"{target}: was not written ({error})") from None
    finally:
        shutil.rmtree(aside, ignore_errors=True)
