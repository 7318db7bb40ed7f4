"""A server that cannot be reached is said when definitions are checked."""

import socket

import pytest

from alignment_dagster.errors import AlignmentError
from alignment_dagster.reaching import require_reachable


def test_a_server_that_listens_and_a_file_are_reachable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        require_reachable("X", f"http://127.0.0.1:{server.getsockname()[1]}")
    require_reachable("X", "sqlite:////tmp/mlflow.db")


def test_a_database_that_is_not_there_is_named_without_its_password() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(AlignmentError, match=rf"X: 127.0.0.1:{port} cannot be reached") as told:
        require_reachable("X", f"postgresql+psycopg2://me:hidden@127.0.0.1:{port}/dagster")
    assert "hidden" not in str(told.value)
    with pytest.raises(AlignmentError, match="X: is no address"):
        require_reachable("X", "http://127.0.0.1:port")
