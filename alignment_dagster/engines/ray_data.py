"""A Ray cluster, through Ray Data: the extra `ray`.

`RAY_ADDRESS` names a cluster; without it Ray starts one on this machine. Every machine has this
package installed, and sees the home under the same path.
"""

import os
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from alignment_dagster.foundation.errors import AlignmentError, first_line

NAME = "ray"
ADDRESS_VARIABLE = "RAY_ADDRESS"
TIMEOUT_SECONDS = 5.0

Task = TypeVar("Task")
Result = TypeVar("Result")


def run_tasks(
    function: Callable[[Task], Result], tasks: Sequence[Task], poll: Callable[[], None]
) -> Iterator[Result]:
    """As `tasks.run_tasks`. A task whose machine is lost is run again on another one."""
    ray = connect()

    def run(row: dict[str, Any]) -> dict[str, Any]:
        try:
            return {"result": function(row["task"]), "error": None}
        except AlignmentError as error:  # a message to a person is no fault of the cluster
            return {"result": None, "error": error}

    rows = [{"task": task} for task in tasks]
    found = ray.data.from_items(rows, override_num_blocks=len(rows)).map(run)
    try:
        for row in found.iter_rows():
            poll()
            if row["error"] is not None:
                raise row["error"]
            yield row["result"]
    except ray.exceptions.RayError as error:
        raise AlignmentError(f"the cluster did not finish: {first_line(error)}") from None


def connect(environment: Mapping[str, Any] | None = None) -> Any:
    """Ray, with this process one of the cluster's drivers.

    Args:
        environment: of the workers, as Ray's `runtime_env`.

    Raises:
        AlignmentError: if Ray is not installed, or the cluster cannot be reached.
    """
    try:
        import ray  # the extra `ray`; it takes seconds
        import ray.data
    except ImportError:
        raise AlignmentError("the engine `ray` needs the extra: pip install '.[ray]'") from None
    if not ray.is_initialized():
        address = os.environ.get(ADDRESS_VARIABLE)
        if address:
            require_cluster(address)
        try:
            ray.init(
                address=address,
                runtime_env=environment,
                include_dashboard=False,
                log_to_driver=False,
            )
        except (ConnectionError, ValueError, RuntimeError) as error:
            message = f"{ADDRESS_VARIABLE}: the cluster {address!r} cannot be reached: {error}"
            raise AlignmentError(message) from None
        ray.data.DataContext.get_current().enable_progress_bars = False
    return ray


def require_cluster(address: str) -> None:
    """Open and close a connection: Ray itself asks for more than a minute, then ends the process.

    Raises:
        AlignmentError: if the cluster cannot be reached.
    """
    host, _, port = address.rpartition("/")[2].rpartition(":")
    if not port.isdecimal():  # `auto`
        return
    try:
        socket.create_connection((host, int(port)), TIMEOUT_SECONDS).close()
    except (OSError, OverflowError) as error:
        raise AlignmentError(
            f"{ADDRESS_VARIABLE}: the cluster {address!r} cannot be reached: {error}"
        ) from None
