"""A team's set-up, by configuration alone: two machines, one Postgres, one S3 store; its restore.

A machine is a home of its own here. Postgres and the S3 server are real ones.
"""

import json
import shutil
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.exc import DatabaseError

from alignment_dagster.foundation.home import Home
from alignment_dagster.graph.instance import introduce_pools, open_instance
from alignment_dagster.lineage.journal_lines import Entry
from alignment_dagster.lineage.lake import Lake
from drills import warm
from drills.place import EDITS, Place, create
from tests.support import postgres_server, s3_server
from tests.support.checkout import CHECKOUT
from tests.support.postgres_server import PASSWORD, PROGRAMS, Postgres
from tests.support.tiny_study import NAME

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not PROGRAMS, reason="Postgres is not installed (apt-get install postgresql)"
    ),
]
pytest.importorskip("dagster_postgres", reason="needs alignment-dagster[postgres]")
pytest.importorskip("moto.server", reason="the S3 server of these tests is moto")
SOURCES = ["stories", "aligned_docs", "chat", "pairs"]
CONFIGURATION = CHECKOUT / "docs" / "team" / "dagster.yaml"
WHOLE: Mapping[str, Any] = {
    "recipes": [], "seeds": [], "first": None, "last": None, "workers": 1
}  # fmt: skip


@dataclass(frozen=True)
class Machine:
    """A home, and what its environment says of the team's servers."""

    home: Path
    place: Place
    environment: Mapping[str, str]

    def start(self, operation: str, **arguments: Any) -> int:
        environment = {**self.environment, "ALIGNMENT_HOME": str(self.home)}
        return self.place.start(warm.shared(), operation, environment, **arguments)

    def run(self, **selection: Any) -> None:
        self.start("run", **{**WHOLE, **selection})
        assert warm.shared().end() == 0, self.log

    def check(self) -> dict[str, Any]:
        answer = self.home.with_suffix(".json")
        self.start("check", answer=str(answer))
        assert warm.shared().end() == 0, self.log
        told: dict[str, Any] = json.loads(answer.read_text())
        return told

    @property
    def log(self) -> str:
        return self.place.log.read_text(errors="replace")[-2000:]

    @property
    def lines(self) -> list[Entry]:
        return list(Lake(self.home / "lake").journal(NAME).entries())


@dataclass(frozen=True)
class Team:
    postgres: Postgres
    first: Machine
    second: Machine

    def runs(self, suffix: str = "") -> int:
        """Dagster's runs so far."""
        return self.postgres.number(f"dagster{suffix}", "select count(*) from runs")


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Team]:
    """Two machines began with nothing at the same moment, each with one recipe; one ended it."""
    folder = tmp_path_factory.mktemp("team")
    place = create(folder, seeds=[0], sources=SOURCES)
    with postgres_server.serving() as postgres, s3_server.serving() as s3:
        postgres.create()
        environment = {
            "ALIGNMENT_DAGSTER_YAML": str(CONFIGURATION),
            "ALIGNMENT_LAKE": f"s3://{s3_server.BUCKET}/team",
            **postgres.environment(),
            **s3.environment,
        }
        first = Machine(folder / "first", place, environment)
        second = Machine(folder / "second", place, environment)
        begun = [
            machine.start("run", **{**WHOLE, "recipes": [recipe], "last": "evaluation"})
            for recipe, machine in {"unfiltered": first, "aligned": second}.items()
        ]
        codes = [warm.shared().end(pid) for pid in begun]
        assert codes == [0, 0], place.log.read_text()[-20000:]
        first.run()
        yield Team(postgres, first, second)


def test_two_machines_that_began_at_once_made_one_closed_study(team: Team) -> None:
    told = team.first.check()
    assert told["gaps"] == []
    assert told["report"]
    assert told["current"]
    assert len(Lake(team.first.home / "lake").journal(NAME).history().lines) >= len(
        team.first.lines
    )
    made = {(one.asset, one.partition) for one in team.first.lines}
    assert {("evaluation", "unfiltered|0"), ("evaluation", "aligned|0")} <= made
    assert not (team.first.home / "mlflow.db").exists()
    assert not (team.first.home / "dagster" / "history").exists()


def test_machines_that_create_dagsters_tables_at_once_all_open_it(
    team: Team, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALIGNMENT_DAGSTER_YAML", str(CONFIGURATION))
    for suffix in ("_x", "_y", "_z"):
        team.postgres.create(suffix)
        monkeypatch.setenv("DAGSTER_POSTGRES_URL", team.postgres.url(f"dagster{suffix}"))
        homes = [Home(tmp_path / f"home{suffix}{number}") for number in range(8)]
        with ThreadPoolExecutor(len(homes)) as pool:
            for instance in pool.map(open_instance, homes):
                assert instance.get_runs_count() == 0
                instance.dispose()


def test_machines_that_meet_a_pool_for_the_first_time_at_once_all_go_on(
    team: Team, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dagster by itself refuses one that comes when another has just written the pool down."""
    monkeypatch.setenv("ALIGNMENT_DAGSTER_YAML", str(CONFIGURATION))
    team.postgres.create("_pools")
    monkeypatch.setenv("DAGSTER_POSTGRES_URL", team.postgres.url("dagster_pools"))
    instances = [open_instance(Home(tmp_path / f"home{number}")) for number in range(8)]
    with ThreadPoolExecutor(len(instances)) as pool:
        list(pool.map(partial(introduce_pools, accelerators=True), instances))
    for instance in instances:
        names = {one.name for one in instance.event_log_storage.get_pool_limits()}
        assert names == {"warehouse", "accelerator"}
    with pytest.raises(DatabaseError):
        instances[0].event_log_storage.initialize_concurrency_limit_to_default("warehouse")
    for instance in instances:
        instance.dispose()


def test_a_machine_that_comes_later_finds_everything_current_and_runs_nothing(team: Team) -> None:
    runs, lines = team.runs(), len(team.first.lines)
    team.second.run()
    third = replace(team.second, home=team.second.home.with_name("third"))
    told = third.check()
    assert told["gaps"] == []
    assert told["current"]
    assert third.lines == team.first.lines
    assert (team.runs(), len(third.lines)) == (runs, lines)


def test_a_check_of_postgres_is_refused_every_write(team: Team) -> None:
    environment = {**team.first.environment, "PGOPTIONS": "-c default_transaction_read_only=on"}
    told = replace(team.first, environment=environment).check()
    assert told["gaps"] == []


def test_passwords_are_in_no_file_of_a_home_and_in_no_log(team: Team) -> None:
    for machine in (team.first, team.second):
        for path in (*machine.home.rglob("*"), machine.place.log):
            assert not path.is_file() or PASSWORD.encode() not in path.read_bytes(), path


def test_a_backup_of_lake_and_databases_restored_elsewhere_is_closed_and_current(
    team: Team, tmp_path: Path
) -> None:
    """As docs/team.md says: databases first, then files; restored under other names."""
    postgres = team.postgres
    for name in ("dagster", "mlflow"):
        postgres.program("pg_dump", "-Fc", "-f", str(tmp_path / name), name)
    home = tmp_path / "elsewhere" / "home"
    for part in ("lake", "keys"):
        shutil.copytree(team.first.home / part, home / part)
    postgres.create("_restored")
    for name in ("dagster", "mlflow"):
        target = f"{name}_restored"
        postgres.program("pg_restore", "--no-owner", "-d", target, str(tmp_path / name))
    environment = {**team.first.environment, **postgres.environment("_restored")}
    del environment["ALIGNMENT_LAKE"]
    restored = replace(team.first, home=home, environment=environment)
    runs = team.runs("_restored")
    told = restored.check()
    assert told["gaps"] == []
    assert told["current"]
    restored.run()
    assert team.runs("_restored") == runs > 0


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("DAGSTER_POSTGRES_URL", "{port}/dagster", "Dagster's database cannot be used: connection"),
        ("MLFLOW_TRACKING_URI", "{port}/mlflow", "MLflow's database cannot be used: connection"),
        ("DAGSTER_POSTGRES_URL", None, 'variable "DAGSTER_POSTGRES_URL" which is not set'),
        ("ALIGNMENT_DAGSTER_YAML", "/nowhere.yaml", "/nowhere.yaml: cannot be read"),
    ],
)
def test_a_database_that_cannot_be_used_is_one_message_without_the_password(
    team: Team, name: str, value: str | None, said: str
) -> None:
    log = team.first.place.log
    log.write_text("")
    environment = dict(team.first.environment)
    environment.pop(name)
    if value is not None:
        address = team.postgres.url("").rpartition(":")[0] + ":"
        environment[name] = value.replace("{port}/", f"{address}9/")
    machine = replace(team.first, environment=environment)
    EDITS["a claim"](machine.place, True)
    try:
        machine.start("run", **WHOLE)
        assert warm.shared().end() == 2
    finally:
        EDITS["a claim"](machine.place, False)
    assert said in machine.log
    assert "Traceback" not in machine.log
    assert PASSWORD not in machine.log
