"""A Ray cluster, through Ray Data: the extra `ray`.

`RAY_ADDRESS` names a cluster; without it Ray starts one on this machine. Every machine has this
package installed, and sees the home under the same path.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from alignment_dagster.foundation.errors import AlignmentError, first_line

NAME = "ray"
ADDRESS_VARIABLE = "RAY_ADDRESS"

Task = TypeVar("Task")
Result = TypeVar("Result")


def run_tasks(
    function: Callable[[Task], Result], tasks: Sequence[Task], poll: Callable[[], None]
) -> Iterator[Result]:
    """As `tasks.run_tasks`. A task whose machine is lost is run again on another one."""
    ray = _connect()

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


def _connect() -> Any:
    try:
        import ray  # the extra `ray`; it takes seconds
        import ray.data
    except ImportError:
        raise AlignmentError("the engine `ray` needs the extra: pip install '.[ray]'") from None
    if not ray.is_initialized():
        address = os.environ.get(ADDRESS_VARIABLE)
        try:
            ray.init(address=address, include_dashboard=False, log_to_driver=False)
        except (ConnectionError, ValueError, RuntimeError) as error:
            message = f"{ADDRESS_VARIABLE}: the cluster {address!r} cannot be reached: {error}"
            raise AlignmentError(message) from None
        ray.data.DataContext.get_current().enable_progress_bars = False
    return ray
