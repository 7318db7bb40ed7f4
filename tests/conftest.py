"""Fixtures for the whole suite: nothing reaches a hub, and every test has a home of its own."""

import os
from pathlib import Path

import pytest
import tiny_study

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with slow tests come first: no worker is left alone with one of them at the end."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tiny_study.TinyStudy:
    """A small study, with the environment pointing at it and at an empty home."""
    study = tiny_study.create(tmp_path)
    monkeypatch.setenv("ALIGNMENT_ASSETS", str(study.assets))
    monkeypatch.setenv("ALIGNMENT_DATA", str(study.data))
    monkeypatch.setenv("ALIGNMENT_HOME", str(tmp_path / "home"))
    return study
