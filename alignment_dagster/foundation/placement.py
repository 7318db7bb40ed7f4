"""Where heavy jobs run on this machine: the home's `placement.yaml`; imports no torch.

Placement is no input of an artifact: it is recorded with what was made, and changes nothing else.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, get_args

from alignment_dagster.foundation.errors import AlignmentError
from alignment_dagster.foundation.home import Home
from alignment_dagster.foundation.yaml_models import Declared, read_yaml

DeviceName = Literal["auto", "cpu", "cuda", "mps"]
Determinism = Literal["exact", "fast"]
FILE = "placement.yaml"
NVIDIA = (Path("/dev/nvidiactl"), Path("/dev/dxg"), Path("/proc/driver/nvidia/version"))
"""One of them is there where a driver for NVIDIA's accelerators is, also under WSL."""


class Placement(Declared):
    """The device of every job, and whether it repeats its bytes."""

    device: DeviceName = "auto"
    """`auto` takes an accelerator where there is one."""
    determinism: Determinism = "exact"
    """`exact`: the same machine gives the same bytes. `fast`: whatever kernels are the fastest."""

    @property
    def shared(self) -> bool:
        """Whether jobs would share one accelerator, and so have to take turns."""
        if self.device == "auto":
            return any(path.exists() for path in NVIDIA)
        return self.device != "cpu"


def parse_placement(said: Mapping[str, str]) -> Placement:
    """A placement from somewhere else than its file.

    Raises:
        AlignmentError: names what is none, and what there is.
    """
    for name, known in (("device", DeviceName), ("determinism", Determinism)):
        if name in said and said[name] not in get_args(known):
            words = ", ".join(get_args(known))
            raise AlignmentError(f"{name}: there is no {said[name]!r} (known: {words})")
    return Placement.model_validate(dict(said))


def read_placement(home: Home) -> Placement:
    """What `placement.yaml` in the home says; the defaults where there is none.

    Raises:
        DeclarationError: names file, line and field.
    """
    path = home.root / FILE
    return read_yaml(path).parse(Placement) if os.path.lexists(path) else Placement()
