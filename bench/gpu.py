"""What a GPU makes of this project: correctness, then speed against a plain compiled loop.

`python bench/gpu.py [OUTPUT] [--scale cpu] [--sizes 124M,350M] [--sides plain,exact] [--only PART]`

One command without network, at most eight minutes in all. Every part is a process with a time limit
of its own; one that fails is said, and the next begins. Results go to `OUTPUT/NAME.json` and
`.md` after every part. It needs PyTorch and what this project installs (for SFT and DPO, trl).
"""

import argparse
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT)]
os.environ |= {
    "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
    "HF_HUB_OFFLINE": "1",
    # Before torch: asking whether there is a GPU must not open it in a process that forks.
    "PYTORCH_NVML_BASED_CUDA_CHECK": "1",
}
NEEDED = (
    *("torch", "transformers", "numpy", "pyarrow", "safetensors", "tokenizers"),
    *("pydantic", "yaml", "dagster_pipes", "croniter"),
)
FOR_POST_TRAINING = ("trl", "datasets", "accelerate")
LIMITS = {"pretraining": 120.0, "post_training": 100.0, "evaluation": 75.0, "training": 110.0}
"""Seconds of one part; what stands before `:` in its name counts."""
LEAST = 25.0
"""No part begins with fewer seconds left."""
SIDES = "plain,exact,fast"


def main() -> int:
    """Run the parts and write what they found; 1 if one that ran was not right."""
    arguments = _arguments()
    missing = [name for name in NEEDED if not importlib.util.find_spec(name)]
    if missing:
        print(f"missing packages: {', '.join(missing)} (pip install what pyproject.toml names)")
        return 2
    if arguments.part:
        print(json.dumps(_run_part(arguments.part, arguments.scale, Path(arguments.work))))
        return 0
    # Imported once it is known that they are there.
    import torch

    from bench.accelerator.sizes import SCALES
    from bench.accelerator.table import Results, environment

    results = Results(
        Path(arguments.output), environment(arguments.scale, arguments.commit), arguments.scale
    )
    if arguments.scale == "gpu" and not torch.cuda.is_available():
        print(f"PyTorch {torch.__version__} finds no GPU here; --scale cpu runs it in small")
        return 2
    sizes = arguments.sizes.split(",") if arguments.sizes else list(SCALES[arguments.scale])
    parts = ["pretraining", "post_training", "evaluation"]
    parts += [f"training:{size}:{side}" for size in sizes for side in arguments.sides.split(",")]
    end = time.monotonic() + 60 * arguments.minutes
    with tempfile.TemporaryDirectory() as work:
        for part in parts:
            if not arguments.only or any(part.startswith(one) for one in arguments.only.split(",")):
                results.add(part, _supervise(part, arguments.scale, work, end))
    print(results.markdown())
    return 0 if results.sound else 1


def _supervise(part: str, scale: str, work: str, end: float) -> dict[str, Any]:
    """Run a part in a process of its own; what it found, or why there is nothing."""
    if part == "post_training":
        missing = [name for name in FOR_POST_TRAINING if not importlib.util.find_spec(name)]
        if missing:
            return {"skipped": f"not installed: {', '.join(missing)}"}
    left = end - time.monotonic()
    if left < LEAST:
        return {"skipped": f"{max(0, left):.0f} seconds were left"}
    limit = min(LIMITS[part.split(":")[0]], left)
    command = [sys.executable, __file__, "--part", part, "--scale", scale, "--work", work]
    started = time.monotonic()
    # A group of its own, so that nothing that a part started outlives its limit.
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        output, errors = process.communicate(timeout=limit)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, 9)
        process.communicate()
        return {"failed": f"not done in {limit:.0f} seconds"}
    seconds = round(time.monotonic() - started, 1)
    if process.returncode:
        tail = "\n".join(errors.strip().splitlines()[-12:])
        return {"failed": tail or f"exit code {process.returncode}", "part_seconds": seconds}
    found: dict[str, Any] = json.loads(output.strip().splitlines()[-1])
    return {**found, "part_seconds": seconds}


def _run_part(part: str, scale: str, work: Path) -> dict[str, Any]:
    """In the part's own process."""
    import torch

    from bench.accelerator import correctness, evaluation, training
    from bench.accelerator.sizes import SCALES, SMALL

    kind, *rest = part.split(":")
    device = torch.device("cuda" if scale == "gpu" else "cpu")
    if kind == "training":
        size, side = rest
        return training.run(side, SCALES[scale][size], device)
    if kind == "evaluation":
        return evaluation.run(scale, device, work / "evaluation")
    run = {"pretraining": correctness.pretraining, "post_training": correctness.post_training}
    return run[kind](SMALL[scale], device.type, work / "jobs")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("output", nargs="?", default=str(ROOT / "bench" / "results"))
    parser.add_argument("--scale", choices=("gpu", "cpu"), default="gpu")
    parser.add_argument("--sizes", help="of the table; all of the scale without it")
    parser.add_argument("--sides", default=SIDES, help="of the table; also trainer")
    parser.add_argument("--only", help="parts, by how their names begin")
    parser.add_argument("--minutes", type=float, default=7.8, help="for all parts together")
    parser.add_argument("--commit", default="", help="where the folder is a copy, without git")
    parser.add_argument("--part", help=argparse.SUPPRESS)
    parser.add_argument("--work", help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
