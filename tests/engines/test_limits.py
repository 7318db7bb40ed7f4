"""Cores and memory are those that a container may use, not those that its machine has."""

from pathlib import Path

from alignment_dagster.engines.limits import usable_cores, usable_memory

GIB = 2**30


def written(root: Path, files: dict[str, str]) -> Path:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return root


def test_without_control_groups_the_machine_counts(tmp_path: Path) -> None:
    assert usable_cores(tmp_path) >= 1
    assert 0 < usable_memory(tmp_path).available <= usable_memory(tmp_path).total


def test_a_quota_and_a_limit_of_version_2_count_wherever_above_they_stand(tmp_path: Path) -> None:
    root = written(
        tmp_path,
        {
            "proc/self/cgroup": "0::/pod/container\n",
            "sys/fs/cgroup/pod/container/cpu.max": "max 100000",
            "sys/fs/cgroup/pod/cpu.max": "50000 100000",
            "sys/fs/cgroup/pod/container/memory.max": str(GIB),
            "sys/fs/cgroup/pod/container/memory.current": str(GIB // 2),
            "sys/fs/cgroup/pod/container/memory.stat": f"anon 5\ninactive_file {GIB // 4}\n",
            "sys/fs/cgroup/pod/memory.max": "max",
        },
    )
    assert usable_cores(root) == 1
    assert (usable_memory(root).total, usable_memory(root).available) == (GIB, GIB * 3 // 4)


def test_those_of_version_1_do_too(tmp_path: Path) -> None:
    root = written(
        tmp_path,
        {
            "proc/self/cgroup": "4:memory:/outside/name\n3:cpu,cpuacct:/\n",
            "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "100000",
            "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000",
            "sys/fs/cgroup/memory/memory.limit_in_bytes": str(GIB),
            "sys/fs/cgroup/memory/memory.usage_in_bytes": str(GIB),
        },
    )
    assert usable_cores(root) == 1
    assert (usable_memory(root).total, usable_memory(root).available) == (GIB, 0)


def test_no_limit_is_no_limit(tmp_path: Path) -> None:
    machine = usable_memory(tmp_path).total
    root = written(
        tmp_path,
        {
            "proc/self/cgroup": "4:memory:/\n3:cpu:/\n",
            "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1",
            "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712",
        },
    )
    assert usable_memory(root).total == machine
    assert usable_cores(root) == usable_cores(tmp_path / "nowhere")
