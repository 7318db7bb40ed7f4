"""What a large study takes on paper follows from what was measured, and from nothing else."""

import pytest

from bench import scale


def measured(documents: int) -> scale.Measured:
    """Of a lake in which each row has 10 bytes, and each command takes a second and one more for
    a thousand documents."""
    rows = {name: documents for name in scale.TABLES}
    held = {name: 1000 + 10 * count for name, count in rows.items()}
    times = {"trace of a metric": (1 + documents / 1000, 100 + documents / 1000)}
    return scale.Measured(documents, rows, held, 0, times)


def test_a_straight_line_goes_through_both_sizes_and_never_falls() -> None:
    assert scale.line(2.0, 3.0, 40.0, (10.0, 20.0)) == 5.0
    assert scale.line(3.0, 2.0, 40.0, (10.0, 20.0)) == 2.0


def test_devices_beyond_those_of_twelve_machines_stay_idle() -> None:
    target = scale.Target()
    rows = {row[0]: row for row in scale.training_rows(target, 80_000.0)}
    hours = 12 * 100e9 / 80_000 / 3600
    assert all(row[-1] == f"{hours:,.0f}" for row in rows.values())
    assert rows["8"][1] == rows["8"][2]
    assert rows["8"][3] == "0%"
    assert rows["64"][3] == "25%"
    assert rows["512"][2] == f"{hours / 96:.1f} h"


def test_rows_and_bytes_are_those_of_the_declared_study() -> None:
    target, small, large = scale.Target(), measured(1000), measured(4000)
    lake = {row[0]: (row, size) for row, size in scale.lake_rows(target, small, large)}
    assert lake["documents as read"][1] == 10 * 100_000_000
    assert lake["dispositions"][1] == 10 * 400_000_000
    assert lake["tokens of mixes"][1] == 2 * 400 * 10**9
    assert lake["checkpoints"][1] == pytest.approx(36 * 4e9, rel=0.001)
    (row,) = scale.audit_rows(target, small, large, 0)
    assert row[1:4] == ["2.0 s, 101 MiB", "5.0 s, 104 MiB", "27.8 h"]
