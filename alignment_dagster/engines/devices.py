"""The device that a job runs on: found, described for the record, and made deterministic."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from alignment_dagster.foundation.errors import AlignmentError, OutOfMemory, first_line
from alignment_dagster.foundation.job import Progress


def find_device(name: str) -> torch.device:
    """The device of a name; `auto` takes CUDA or MPS where it is there, else the CPU.

    Raises:
        AlignmentError: if it is not there; says why, as far as PyTorch knows.
    """
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if name == "auto":
        return torch.device(next((one for one, found in there.items() if found), "cpu"))
    if not there.get(name, True):
        raise AlignmentError(f"device {name}: {_why_absent(name)}; `--device auto` takes what is")
    return torch.device(name)


def find_one_device(name: str) -> torch.device:
    """The same, for a library that would take every accelerator of the machine at once.

    To be called before anything else asks for CUDA.

    Raises:
        AlignmentError: if it is not there.
    """
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "0")
    return find_device(name)


def _why_absent(name: str) -> str:
    if name == "mps":
        return "this machine or this PyTorch has no Metal"
    if torch.version.cuda is None and torch.version.hip is None:
        return f"the installed PyTorch {torch.__version__} was built without CUDA"
    if driver := _driver():
        needs = f"PyTorch {torch.__version__} was built for CUDA {torch.version.cuda}"
        return f"driver {driver} is here, but {needs} and finds no GPU it can use (too old?)"
    return "no NVIDIA driver answers on this machine"


def describe(device: torch.device, determinism: str) -> dict[str, str]:
    """Device, driver and determinism, as provenance records them and `diff` names them."""
    if device.type != "cuda":
        return {"device": device.type, "determinism": determinism}
    return {
        "device": torch.cuda.get_device_name(device),
        "driver": _driver() or "unknown",
        "cuda": str(torch.version.cuda or torch.version.hip),
        "determinism": determinism,
    }


def _driver() -> str | None:
    """The version of NVIDIA's driver; None where none answers."""
    command = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.split("\n")[0].strip() or None if done.returncode == 0 else None


def set_determinism(determinism: str, threads: int) -> None:
    """`exact`: same input, same machine, same bytes. `fast`: the thread count alone is set."""
    torch.set_num_threads(threads)
    if determinism == "fast":
        torch.use_deterministic_algorithms(False)
        return
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True)
    # Filling fresh memory helps to find uses of it, and costs time at every allocation.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]


@contextmanager
def memory_advice(
    progress: Progress, device: torch.device, setting: str, value: int, beside: str = ""
) -> Iterator[None]:
    """Turn "out of memory" into one message that says which setting to lower, and to what.

    The same is noted beforehand, for a process that is killed for it.

    Args:
        setting: the declared field that decides how much is held at once, with dots.
        value: what it is now.
        beside: what else to change, so that results stay comparable.

    Raises:
        OutOfMemory: where the memory did not suffice.
    """
    lower = f"lower {setting} from {value} to {value // 2}{beside}"
    if value == 1:
        lower = f"{setting} is 1 already: take a smaller model or shorter sequences"
    progress.note_memory(setting, lower)
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        said = first_line(error)
        held = ""
        if device.type == "cuda":
            free, total = torch.cuda.mem_get_info(device)
            held = f" ({free / 2**30:.1f} of {total / 2**30:.0f} GiB are free)"
        message = f"{device}: out of memory{held}: {lower}; it said: {said}"
        raise OutOfMemory(message, setting) from None


def is_out_of_memory(error: Exception) -> bool:
    """Whether an allocation failed, on a device or here."""
    words = ("out of memory", "can't allocate memory")
    short = isinstance(error, torch.OutOfMemoryError | MemoryError)
    return short or any(word in str(error) for word in words)
