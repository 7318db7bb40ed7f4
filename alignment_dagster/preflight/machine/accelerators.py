"""The devices that jobs can run on: whether this PyTorch can use them, and where jobs will go."""

import importlib.util
from collections.abc import Iterator

import torch

from alignment_dagster.engines.devices import describe, find_device
from alignment_dagster.engines.peak import stated_peak
from alignment_dagster.foundation.errors import AlignmentError, first_line
from alignment_dagster.foundation.placement import NVIDIA, Placement
from alignment_dagster.preflight.machine.finding import Finding, Verdict


def examine_devices() -> Iterator[Finding]:
    """PyTorch's build, and each device."""
    built = torch.version.cuda or torch.version.hip
    build = f"built for CUDA {built}" if built else "built without CUDA"
    yield Finding("PyTorch", Verdict.OK, f"{torch.__version__}, {build}")
    for number in range(torch.cuda.device_count() if torch.cuda.is_available() else 0):
        yield _examine_gpu(number)
    if torch.backends.mps.is_available():
        yield Finding("device mps", Verdict.OK, "Apple's GPU, through Metal")


def _examine_gpu(number: int) -> Finding:
    """One product on it: a card that the build has no kernels for is seen, and still fails."""
    subject, device = f"device cuda:{number}", torch.device("cuda", number)
    name = torch.cuda.get_device_name(device)
    try:
        free, total = torch.cuda.mem_get_info(device)
        ones = torch.ones(64, 64, device=device)
        torch.cuda.synchronize(device)
        works = float((ones @ ones)[0, 0]) == 64.0
    except RuntimeError as error:
        words = f"{name}: PyTorch sees it and cannot compute on it: {first_line(error)}"
        return Finding(subject, Verdict.BROKEN, words)
    driver = describe(device, "exact")["driver"]
    peak = stated_peak(name)
    stated = f", {peak / 1e12:.0f} TFLOP/s stated (dense bf16)" if peak else ""
    words = f"{name}, driver {driver}, {free / 2**30:.1f} of {total / 2**30:.1f} GiB free{stated}"
    attention = _attention()
    verdict = Verdict.OK if works else Verdict.BROKEN
    return Finding(subject, verdict, f"{words}; {attention}")


def _attention() -> str:
    flash = torch.backends.cuda.is_flash_attention_available()
    varlen = importlib.util.find_spec("torch.nn.attention.varlen") is not None
    words = ("flash attention", flash), ("attention of variable length", varlen)
    return ", ".join(f"{name}: {'yes' if there else 'no'}" for name, there in words)


def examine_placement(placement: Placement) -> Finding:
    """Where the heavy jobs of this home go."""
    try:
        device = find_device(placement.device)
    except AlignmentError as error:
        return Finding("placement", Verdict.BROKEN, str(error))
    exact = {
        "exact": "the same bytes again on this machine",
        "fast": "kernels may sum in any order: other bytes each time",
    }
    said = f"device {placement.device}" + ("" if placement.device == device.type else f": {device}")
    words = f"{said}; determinism {placement.determinism}: {exact[placement.determinism]}"
    if device.type == "cpu" and any(path.exists() for path in NVIDIA):
        try:
            find_device("cuda")
        except AlignmentError as error:
            return Finding("placement", Verdict.NOTE, f"{words}. A GPU is not used: {error}")
    if placement.price is not None:
        price = placement.price
        words += f"; {price.per_device_hour:g} {price.currency} an hour"
    return Finding("placement", Verdict.OK, words)
