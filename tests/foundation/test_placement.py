"""The home's `placement.yaml`, and what a command or a run says instead."""

from pathlib import Path

import pytest

from alignment_dagster.defs.resources import PlacementResource
from alignment_dagster.foundation.errors import AlignmentError, DeclarationError
from alignment_dagster.foundation.home import Home
from alignment_dagster.foundation.placement import Placement, Price, read_placement
from alignment_dagster.lineage.provenance import placed


def test_without_a_file_the_device_is_found_and_bytes_repeat(tmp_path: Path) -> None:
    assert read_placement(Home(tmp_path)) == Placement(device="auto", determinism="exact")


def test_a_run_says_it_before_the_file(tmp_path: Path) -> None:
    (tmp_path / "placement.yaml").write_text("device: cuda\ndeterminism: fast\n")
    assert read_placement(Home(tmp_path)).shared
    chosen = PlacementResource(device="cpu").choose(Home(tmp_path))
    assert chosen == Placement(device="cpu", determinism="fast")
    assert not chosen.shared


def test_what_is_none_is_refused_with_its_place(tmp_path: Path) -> None:
    (tmp_path / "placement.yaml").write_text("determinism: exact\ndevice: tpu\n")
    with pytest.raises(DeclarationError, match=r"placement\.yaml:2: device:"):
        read_placement(Home(tmp_path))
    with pytest.raises(AlignmentError, match=r"there is no 'tpu' \(known: auto, cpu, cuda"):
        PlacementResource(device="tpu").choose(Home(tmp_path / "other"))


@pytest.mark.parametrize(
    ("price", "said"),
    [
        ("{per_device_hour: -1, currency: EUR}", "per_device_hour: must be greater than or equal"),
        ("{per_device_hour: .nan, currency: EUR}", "per_device_hour: must be a finite number"),
        ("{per_device_hour: 2.5 EUR, currency: EUR}", "per_device_hour: must be a number"),
        ("{per_device_hour: 2.5}", "currency: this field is required"),
        ("{per_device_hour: 2.5, currency: euros}", "currency: must be three capital letters"),
        ("2.5", " must hold fields"),
    ],
)
def test_a_price_that_is_none_is_refused_with_its_place(
    tmp_path: Path, price: str, said: str
) -> None:
    (tmp_path / "placement.yaml").write_text(f"device: cpu\nprice: {price}\n")
    with pytest.raises(DeclarationError, match=rf"placement\.yaml:2: price[.:]{said}"):
        read_placement(Home(tmp_path))


def test_a_price_is_said_to_no_job(tmp_path: Path) -> None:
    (tmp_path / "placement.yaml").write_text("price: {per_device_hour: 2, currency: EUR}\n")
    chosen = PlacementResource(device="cpu").choose(Home(tmp_path))
    assert chosen.price == Price(per_device_hour=2, currency="EUR")
    assert set(chosen.for_jobs()) == {"device", "determinism"}


def test_where_a_job_ran_is_recorded_beside_the_versions() -> None:
    measured = {"device": "NVIDIA H200", "driver": "580", "determinism": "exact", "steps": 3.0}
    assert placed(measured) == {
        "device": "NVIDIA H200",
        "driver": "580",
        "determinism": "exact",
    }


def test_a_launcher_is_told_what_is_asked_for_and_has_a_queue_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "placement.yaml").write_text(
        "device: cuda\n"
        "launcher: {kind: slurm, partition: gpu, gpus: 4, hours: 1.5, options: [--qos=low]}\n"
    )
    chosen = PlacementResource(device="cuda").choose(Home(tmp_path))
    assert chosen.launcher is not None
    assert chosen.launcher.arguments()[3:] == [
        *("--partition=gpu", "--gpus=4", "--time=90", "--qos=low"),
    ]
    assert not chosen.shared
    assert set(chosen.for_jobs()) == {"device", "determinism"}


@pytest.mark.parametrize(
    ("launcher", "said"),
    [
        ("{kind: slurm, options: [-p gpu]}", r"options\.0: must begin with --"),
        ("{kind: slurm, options: [--output=x]}", r"options\.0: must not be --output"),
        ("{kind: slurm, hours: 0}", "hours: must be greater than 0"),
        ("{kind: kubernetes}", "kind: "),
        ("slurm", " must hold fields"),
    ],
)
def test_a_launcher_that_is_none_is_refused_with_its_place(
    tmp_path: Path, launcher: str, said: str
) -> None:
    (tmp_path / "placement.yaml").write_text(f"device: cpu\nlauncher: {launcher}\n")
    with pytest.raises(DeclarationError, match=rf"placement\.yaml:2: launcher[.:]{said}"):
        read_placement(Home(tmp_path))
