"""What the parts found, as JSON and as Markdown."""

import json
import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

from alignment_dagster.engines.devices import describe

ROOT = Path(__file__).parents[2]
PACKAGES = ("torch", "transformers", "triton", "numpy", "trl", "accelerate", "tokenizers")
TOLERANCE = 0.05
"""Nats that a loss may be off the plain loop's at any step, in bf16."""
REQUIRED = ("same_bytes_twice", "same_bytes_after_sigkill", "within_1e-4", "same_losses")


def environment(scale: str, commit: str) -> dict[str, str]:
    """Device, driver, versions and commit: the checkout's own where none is said."""
    device = torch.device("cuda" if scale == "gpu" and torch.cuda.is_available() else "cpu")
    found = {**describe(device, "see the sides"), "python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    git = subprocess.run(
        ["git", "-C", str(ROOT), "rev-parse", "HEAD"], capture_output=True, text=True, check=False
    )
    found["commit"] = commit or git.stdout.strip() or "unknown"
    found["began"] = datetime.now(UTC).isoformat(timespec="seconds")
    return found


class Results:
    """Written after every part, so that what was found is kept whatever comes."""

    def __init__(self, folder: Path, made_in: dict[str, str], scale: str) -> None:
        self.folder = folder
        self.environment = made_in
        words = "".join(one if one.isalnum() else " " for one in made_in["device"]).lower().split()
        self.name = "-".join(["gpu", *words]) if scale == "gpu" else "gpu-scaled-down"
        self.parts: dict[str, dict[str, Any]] = {}

    def add(self, part: str, found: dict[str, Any]) -> None:
        """Enter a part, say it in a line, and write both files."""
        self.parts[part] = found
        self._compare_losses(part)
        shown = {name: value for name, value in found.items() if name != "losses"}
        print(f"{part}: {json.dumps(shown)}", flush=True)
        self.folder.mkdir(parents=True, exist_ok=True)
        content = {"environment": self.environment, "parts": self.parts}
        (self.folder / f"{self.name}.json").write_text(json.dumps(content, indent=1) + "\n")
        (self.folder / f"{self.name}.md").write_text(self.markdown())

    @property
    def sound(self) -> bool:
        """Whether nothing failed, and all that has to agree does."""
        return not any(
            "failed" in found or any(found.get(name) is False for name in REQUIRED)
            for found in self.parts.values()
        )

    def _compare_losses(self, part: str) -> None:
        kind, _, rest = part.partition(":")
        plain = self.parts.get(f"{kind}:{rest.split(':')[0]}:plain", {}).get("losses")
        own = self.parts[part].get("losses")
        if plain and own and len(plain) == len(own):
            apart = max(abs(one - other) for one, other in zip(plain, own, strict=True))
            self.parts[part] |= {
                "largest_difference_of_losses": apart,
                "same_losses": apart <= TOLERANCE,
            }

    def markdown(self) -> str:
        """The environment, what has to agree, and the table of speeds."""
        about = ", ".join(f"{name} {value}" for name, value in self.environment.items())
        lines = [f"# {self.environment['device']}", "", about, ""]
        for part, found in self.parts.items():
            if not part.startswith("training:") or "tokens_per_second" not in found:
                lines.append(f"- **{part}**: {_told(found)}")
        lines += ["", *self._table()]
        return "\n".join(lines) + "\n"

    def _table(self) -> list[str]:
        head = (
            *("size", "side", "tokens/s", "of plain", "MFU (stated)", "MFU (measured)"),
            *("peak GiB", "warm-up s", "last loss", "loss off plain"),
        )
        lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
        for part, found in self.parts.items():
            if not part.startswith("training:") or "tokens_per_second" not in found:
                continue
            _, size, side = part.split(":")
            plain = self.parts.get(f"training:{size}:plain", {}).get("tokens_per_second")
            cells = (
                size,
                side,
                f"{found['tokens_per_second']:,.0f}",
                f"{found['tokens_per_second'] / plain:.2f}" if plain else "",
                _percent(found["mfu_of_stated_peak"]),
                _percent(found["mfu_of_measured_peak"]),
                f"{found['peak_memory_mib'] / 1024:.1f}",
                f"{found['warm_up_seconds']:.1f}",
                f"{found['losses'][-1]:.3f}" if found["losses"] else "",
                f"{found.get('largest_difference_of_losses', 0):.4f}",
            )
            lines.append(f"| {' | '.join(cells)} |")
        return lines


def _percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.1f} %"


def _told(found: dict[str, Any]) -> str:
    return "; ".join(f"{name} {value}" for name, value in found.items() if name != "losses")
