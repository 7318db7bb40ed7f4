"""The command for a GPU, scaled down: both sides train alike, and a part that fails is said."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def run(output: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, str(ROOT / "bench" / "gpu.py"), str(output), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=300)


def test_scaled_down_it_trains_alike_on_both_sides_and_says_what_it_left_out(
    tmp_path: Path,
) -> None:
    done = run(tmp_path, "--scale", "cpu", "--only", "training", "--sides", "plain,exact,none")
    assert done.returncode == 1, done.stderr
    (file,) = tmp_path.glob("*.json")
    found = json.loads(file.read_text())
    plain, own, unknown = (found["parts"][f"training:tiny:{s}"] for s in ("plain", "exact", "none"))
    assert own["same_losses"]
    assert own["losses"] == plain["losses"]
    assert own["losses"][-1] < own["losses"][0]
    assert "there is no side 'none'" in unknown["failed"]
    assert found["environment"]["device"] == "cpu"
    assert "| tiny | exact |" in file.with_suffix(".md").read_text()


def test_without_time_every_part_is_skipped_and_named(tmp_path: Path) -> None:
    done = run(tmp_path, "--scale", "cpu", "--minutes", "0")
    assert done.returncode == 0, done.stderr
    (file,) = tmp_path.glob("*.json")
    parts = json.loads(file.read_text())["parts"]
    assert {"pretraining", "post_training", "evaluation", "training:tiny:plain"} <= set(parts)
    assert all("skipped" in found for found in parts.values())
