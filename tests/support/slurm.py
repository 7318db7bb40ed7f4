"""A Slurm of one node on this machine, from Debian's packages: munge, slurmctld, slurmd."""

import getpass
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

DAEMONS = ("munged", "slurmctld", "slurmd", "srun")
CONFIGURATION = """
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller}
SlurmdPort={node}
SlurmUser={user}
SlurmdUser={user}
AuthInfo=socket={folder}/munge/socket
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SwitchType=switch/none
MpiDefault=none
ReturnToService=2
SchedulerParameters=sched_interval=1
NodeName={host} NodeAddr=127.0.0.1 CPUs=2 State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES State=UP
"""


@contextmanager
def one_node(folder: Path) -> Iterator[Path]:
    """A Slurm that runs jobs; nothing of it is left.

    Yields:
        What `SLURM_CONF` has to name.
    """
    if missing := [name for name in DAEMONS if shutil.which(name) is None]:
        pytest.skip(f"no {missing[0]} here: apt-get install munge slurmctld slurmd slurm-client")
    for name in ("munge", "state", "spool"):
        (folder / name).mkdir()
    key = folder / "munge" / "key"
    key.write_bytes(os.urandom(1024))
    key.chmod(0o600)
    ports = {name: _free_port() for name in ("controller", "node")}
    configuration = folder / "slurm.conf"
    host = socket.gethostname().partition(".")[0]
    configuration.write_text(
        CONFIGURATION.format(folder=folder, host=host, user=getpass.getuser(), **ports)
    )
    environment = {**os.environ, "SLURM_CONF": str(configuration)}
    places = {name: folder / "munge" / name for name in ("socket", "pid-file", "log-file")}
    daemons: list[subprocess.Popen[bytes]] = []
    try:
        for words in (
            ["munged", "--foreground", "--force", f"--key-file={key}"]
            + [f"--{name}={place}" for name, place in places.items()]
            + [f"--seed-file={folder / 'munge' / 'seed'}"],
            ["slurmctld", "-D", "-c"],
            ["slurmd", "-D"],
        ):
            log = (folder / f"{words[0]}.said").open("wb")
            daemons.append(subprocess.Popen(words, env=environment, stdout=log, stderr=log))
        _wait_until_idle(environment, daemons)
        yield configuration
    finally:
        for daemon in reversed(daemons):
            daemon.terminate()
        for daemon in daemons:
            try:
                daemon.wait(10)
            except subprocess.TimeoutExpired:
                daemon.kill()


def _wait_until_idle(environment: dict[str, str], daemons: list["subprocess.Popen[bytes]"]) -> None:
    deadline = time.monotonic() + 30
    words = ["sinfo", "--noheader", "--format=%T"]
    while True:
        assert time.monotonic() < deadline, "Slurm's node does not come up"
        assert all(daemon.poll() is None for daemon in daemons), "a daemon of Slurm's ended"
        done = subprocess.run(words, env=environment, capture_output=True, text=True)
        if done.stdout.strip() == "idle":
            return
        time.sleep(0.1)


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port
