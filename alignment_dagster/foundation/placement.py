"""Where heavy jobs run, and what that costs: the home's `placement.yaml`.

Placement is no input of an artifact: it is recorded with what was made, and changes nothing else.
It imports no torch.
"""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, Field

from alignment_dagster.foundation.errors import AlignmentError
from alignment_dagster.foundation.home import Home
from alignment_dagster.foundation.launchers import Launcher
from alignment_dagster.foundation.yaml_models import Declared, read_yaml

DeviceName = Literal["auto", "cpu", "cuda", "mps"]
Determinism = Literal["exact", "fast"]
FILE = "placement.yaml"
POOL = "accelerator"
"""Dagster's pool of what computes on one: `dagster.yaml` lets one step of a pool run at a time."""
NVIDIA = (Path("/dev/nvidiactl"), Path("/dev/dxg"), Path("/proc/driver/nvidia/version"))
"""One of them is there where a driver for NVIDIA's accelerators is, also under WSL."""


def _three_letters(currency: str) -> str:
    if not re.fullmatch("[A-Z]{3}", currency):
        raise ValueError("must be three capital letters, as EUR")
    return currency


class Price(Declared):
    """What an hour of one device costs here."""

    per_device_hour: Annotated[float, Field(ge=0, le=1_000_000)]
    currency: Annotated[str, AfterValidator(_three_letters)]


class Placement(Declared):
    """The device of every job, whether it repeats its bytes, and its price."""

    device: DeviceName = "auto"
    """`auto` takes an accelerator where there is one."""
    determinism: Determinism = "exact"
    """`exact`: the same machine gives the same bytes. `fast`: whatever kernels are the fastest."""
    gpus: Annotated[int, Field(ge=1, le=64)] | None = None
    """Of this machine, that jobs run side by side on: one a job, or as many as divide its ranks.
    Without it there is one job at a time, which may use all of them."""
    price: Price | None = None
    """Reports say with it what their device hours cost."""
    launcher: Launcher | None = None
    """What starts the jobs; without one they are processes of this machine."""

    def for_jobs(self) -> dict[str, Any]:
        """What a job has to know of it."""
        return self.model_dump(exclude={"gpus", "price", "launcher"})

    @property
    def shared(self) -> bool:
        """Whether jobs would share accelerators, and so have to take turns.

        What a launcher starts waits in its queue.
        """
        if self.launcher is not None:
            return False
        if self.device == "auto":
            return any(path.exists() for path in NVIDIA)
        return self.device != "cpu"


def parse_placement(said: Mapping[str, Any]) -> Placement:
    """A placement from somewhere else than its file.

    Raises:
        AlignmentError: names what is none, and what there is.
    """
    for name, known in (("device", DeviceName), ("determinism", Determinism)):
        if name in said and said[name] not in get_args(known):
            words = ", ".join(get_args(known))
            raise AlignmentError(f"{name}: there is no {said[name]!r} (known: {words})")
    return Placement.model_validate(dict(said))


def choose_placement(home: Home, **said: str) -> Placement:
    """The placement of one run: what is said, and of the rest what the home says.

    Args:
        said: `device` and `determinism`; empty where nothing is said.

    Raises:
        DeclarationError: if the home's file is wrong.
        AlignmentError: names what is none, and what there is.
    """
    declared = read_placement(home).model_dump()
    return parse_placement(declared | {name: value for name, value in said.items() if value})


def read_placement(home: Home) -> Placement:
    """What `placement.yaml` in the home says; the defaults where there is none.

    Raises:
        DeclarationError: names file, line and field.
    """
    path = home.root / FILE
    return read_yaml(path).parse(Placement) if os.path.lexists(path) else Placement()
