"""Channels that a test declares, and what they leave behind."""

import json
from pathlib import Path
from typing import Any

MOMENTS = ["refreshed", "run_failed", "check_failed", "gate_blocked", "budget_spent"]
WEBHOOK = {"kind": "webhook", "url_from": "TEST_HOOK", "moments": MOMENTS}
FILE = {"kind": "file", "moments": MOMENTS}
EMAIL = {"kind": "email", "to": ["a@example.org", "b@example.org"], "moments": MOMENTS}


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def failed(home: Path) -> list[dict[str, Any]]:
    return lines(home / "refresh" / "notifications-failed.jsonl")


def everything_written(home: Path) -> bytes:
    return b"".join(path.read_bytes() for path in home.rglob("*") if path.is_file())
