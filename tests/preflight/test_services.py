"""A server that cannot be reached is said when definitions are checked."""

import socket
from pathlib import Path

import pytest

from alignment_dagster.foundation.errors import AlignmentError
from alignment_dagster.foundation.home import DAGSTER_VARIABLE, Home, dagster_configuration
from alignment_dagster.preflight.services import dagster_databases, require_reachable
from drills import warm
from tests.support.checkout import CHECKOUT
from tests.support.tiny_study import TinyStudy

TEAM = CHECKOUT / "docs" / "team" / "dagster.yaml"
URL = "DAGSTER_POSTGRES_URL"


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


@pytest.fixture
def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def test_dagsters_database_is_asked_for_by_the_check(
    tiny: TinyStudy, monkeypatch: pytest.MonkeyPatch, closed_port: int
) -> None:
    monkeypatch.setenv(DAGSTER_VARIABLE, str(TEAM))
    done = warm.alignment("check", environment={})
    assert (done.returncode, done.stderr.strip()) == (
        2,
        f"error: {TEAM}: postgres_url: {URL} is not set",
    )
    address = f"postgresql+psycopg2://me:hidden@127.0.0.1:{closed_port}/dagster"
    done = warm.alignment("check", environment={URL: address})
    assert done.returncode == 2
    assert f"{URL}: 127.0.0.1:{closed_port} cannot be reached" in done.stderr
    assert "hidden" not in done.stdout + done.stderr


def test_an_object_store_is_asked_for_by_the_check(tiny: TinyStudy, closed_port: int) -> None:
    store = {
        "ALIGNMENT_LAKE": "s3://bucket",
        "AWS_ENDPOINT_URL_S3": f"http://127.0.0.1:{closed_port}",
    }
    done = warm.alignment("check", environment={**store, "AWS_REGION": "us-east-1"})
    assert done.returncode == 2
    assert f"AWS_ENDPOINT_URL_S3: 127.0.0.1:{closed_port} cannot be reached" in done.stderr


def test_where_work_runs_and_its_price_are_read_by_the_check(tiny: TinyStudy) -> None:
    place = Home.from_environment().root / "placement.yaml"
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text("price: {per_device_hour: 2 EUR, currency: EUR}\n")
    done = warm.alignment("check", environment={})
    said = "price.per_device_hour: must be a number (got '2 EUR')"
    assert (done.returncode, done.stderr.strip()) == (2, f"error: {place}:1: {said}")


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ("", []),
        ("storage: {sqlite: {base_dir: x}}", []),
        ("storage: {postgres: {postgres_url: 'postgresql://a:1/d'}}", ["postgresql://a:1/d"]),
        (
            "storage: {postgres: {postgres_db: {hostname: b, username: u}}}",
            ["postgresql://b:5432"],
        ),
    ],
)
def test_addresses_are_read_from_dagsters_configuration(
    tmp_path: Path, content: str, found: list[str]
) -> None:
    path = tmp_path / "dagster.yaml"
    path.write_text(content)
    assert [address for _, address in dagster_databases(path)] == found


def test_the_configuration_of_one_machine_names_no_server() -> None:
    assert list(dagster_databases(dagster_configuration())) == []


def test_a_configuration_that_cannot_be_read_is_one_message(tmp_path: Path) -> None:
    with pytest.raises(AlignmentError, match=r"ALIGNMENT_DAGSTER_YAML: .*nothing\.yaml"):
        list(dagster_databases(tmp_path / "nothing.yaml"))
