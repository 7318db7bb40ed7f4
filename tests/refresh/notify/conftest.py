"""A tiny study that declares whom to tell, and what was told."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from alignment_dagster.study import Study
from tests.support.tiny_study import TinyStudy


@pytest.fixture
def telling(tiny: TinyStudy) -> Callable[..., Study]:
    """The study with these channels; the home is in `tmp_path`."""

    def declare(*channels: dict[str, Any], **fields: Any) -> Study:
        refresh = {"schedule": {"cron": "0 3 * * *"}, "notifications": list(channels), **fields}
        tiny.change(refresh=refresh)
        return tiny.load()

    return declare


@pytest.fixture
def home(tiny: TinyStudy, tmp_path: Path) -> Path:
    return tmp_path / "home"
