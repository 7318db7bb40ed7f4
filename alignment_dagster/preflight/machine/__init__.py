"""What this machine can do: everything that a run would find, looked at before one starts."""

from collections.abc import Iterator

from alignment_dagster.foundation.errors import AlignmentError
from alignment_dagster.foundation.home import Home
from alignment_dagster.foundation.placement import choose_placement
from alignment_dagster.preflight.machine.connections import examine_connections
from alignment_dagster.preflight.machine.finding import Finding, Verdict
from alignment_dagster.preflight.machine.resources import examine_resources
from alignment_dagster.preflight.machine.software import examine_software

__all__ = ["Finding", "Verdict", "examine_machine"]


def examine_machine(home: Home, device: str) -> Iterator[Finding]:
    """A finding at a time; nothing is changed, and nothing stays.

    Args:
        device: of the heavy jobs; empty where the home's `placement.yaml` decides.
    """
    # Imported here for weight: torch takes seconds.
    from alignment_dagster.preflight.machine import accelerators

    yield from examine_software()
    yield from examine_resources(home)
    yield from accelerators.examine_devices()
    try:
        placement = choose_placement(home, device=device)
    except AlignmentError as error:
        yield Finding("placement", Verdict.BROKEN, str(error))
    else:
        yield accelerators.examine_placement(placement)
    yield from examine_connections(home)
