"""How fast a device could be: the dense peak that its maker states, and one that is measured."""

import time

import torch

STATED = {
    # Dense bf16 on the matrix units, without sparsity, in FLOP/s; data sheets by NVIDIA.
    "B300": 2250e12,
    "B200": 2250e12,
    "GB200": 2500e12,
    "H200": 989e12,
    "GH200": 989e12,
    "H100 NVL": 835e12,
    "H100 PCIe": 756e12,
    "H100": 989e12,
    "H800": 989e12,
    "H20": 148e12,
    "A100": 312e12,
    "A800": 312e12,
    "L40S": 362e12,
    "L40": 181e12,
    "L4": 121e12,
    "A10G": 70e12,
    "A10": 125e12,
    "RTX 4090": 165e12,
    "RTX 5090": 209e12,
    "T4": 65e12,
}
"""Part of a device's name → its stated dense peak; of several that fit, the longest counts."""
CALIBRATION_SECONDS = 0.2
SIZE = {"cuda": 8192, "mps": 2048}
SMALL = 512


def stated_peak(name: str) -> float | None:
    """Dense bf16 FLOP/s that the maker of a device states; None where no table says."""
    words = name.replace("-", " ").split()
    fitting = [key for key in STATED if _contains(words, key.split())]
    return STATED[max(fitting, key=len)] if fitting else None


def _contains(words: list[str], wanted: list[str]) -> bool:
    return any(words[at : at + len(wanted)] == wanted for at in range(len(words)))


def measured_peak(device: torch.device, precision: str) -> float:
    """The best rate of a square matrix product here and now, in the precision trained in, FLOP/s.

    Large enough that the device computes and does not only start: 8192 on a GPU, where a small
    product measures its launch. It takes `CALIBRATION_SECONDS`.
    """
    size = SIZE.get(device.type, SMALL)
    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    # Random: a product of zeros or ones switches fewer transistors, and runs faster than training.
    matrix = torch.rand(size, size, device=device, dtype=torch.float32).sub_(0.5).to(dtype)
    best, end = float("inf"), time.perf_counter() + CALIBRATION_SECONDS
    while time.perf_counter() < end:
        start = time.perf_counter()
        matrix @ matrix
        synchronize(device)
        best = min(best, time.perf_counter() - start)
    return float(2 * size**3 / best)


def synchronize(device: torch.device) -> None:
    """Wait for what was started on the device."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()
