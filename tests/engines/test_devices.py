"""Devices: found, described, said to be absent, and what to lower where memory does not suffice."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from alignment_dagster.engines.devices import describe, find_device, memory_advice
from alignment_dagster.engines.peak import measured_peak, stated_peak
from alignment_dagster.foundation.errors import AlignmentError, OutOfMemory
from alignment_dagster.foundation.job import Progress
from alignment_dagster.training.pretraining.ranks import Ranks

CPU = torch.device("cpu")
without_gpu = pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")


@without_gpu
def test_auto_takes_what_is_there_and_a_name_that_is_not_says_why() -> None:
    assert find_device("cpu") == CPU
    assert find_device("auto").type in ("cpu", "mps")
    with pytest.raises(AlignmentError, match=r"^device cuda: .*(without CUDA|no NVIDIA driver)"):
        find_device("cuda")


@without_gpu
def test_more_processes_than_gpus_are_refused() -> None:
    with pytest.raises(AlignmentError, match=r"4 processes train and this machine has 0 GPU"):
        Ranks(4, 1, 4).device("cuda")
    assert Ranks(4).device("cpu") == CPU


def test_the_record_names_device_and_determinism() -> None:
    assert describe(CPU, "exact") == {"device": "cpu", "determinism": "exact"}


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (8, "lower pretraining.batch_size from 8 to 4 and more"),
        (1, "pretraining.batch_size is 1 already: take a smaller model"),
    ],
)
@pytest.mark.parametrize("allocate", [torch.empty, bytearray])
def test_too_little_memory_says_what_to_lower_and_by_how_much(
    tmp_path: Path, allocate: Callable[[int], object], value: int, words: str
) -> None:
    setting = "pretraining.batch_size"
    with (
        pytest.raises(OutOfMemory, match=f"^cpu: out of memory: {words}") as told,
        memory_advice(Progress(tmp_path), CPU, setting, value, " and more"),
    ):
        allocate(1 << 60)
    assert told.value.setting == setting


def test_another_error_is_not_taken_for_too_little_memory(tmp_path: Path) -> None:
    with (
        pytest.raises(RuntimeError, match="shapes"),
        memory_advice(Progress(tmp_path), CPU, "x", 8),
    ):
        torch.ones(2, 3) @ torch.ones(2, 3)


@pytest.mark.parametrize(
    ("name", "tera"),
    [
        ("NVIDIA H200", 989),
        ("NVIDIA H100 80GB HBM3", 989),
        ("NVIDIA H100 PCIe", 756),
        ("NVIDIA H20", 148),
        ("NVIDIA A100-SXM4-80GB", 312),
        ("NVIDIA GeForce RTX 4090", 165),
        ("Tesla T4", 65),
    ],
)
def test_the_stated_peak_goes_by_the_name_that_the_driver_gives(name: str, tera: int) -> None:
    assert stated_peak(name) == tera * 1e12


def test_an_unknown_device_has_no_stated_peak_but_a_measured_one() -> None:
    assert stated_peak("cpu") is None
    assert measured_peak(CPU, "fp32") > 1e8
