"""What the audit says of a model whose trunk is not the one that it went on from."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from alignment_dagster.audit.check.chains import check_chains
from alignment_dagster.audit.check.scope import Findings, Scope
from alignment_dagster.foundation.home import Home
from alignment_dagster.lineage import file_names
from alignment_dagster.lineage.ancestry import children_of
from alignment_dagster.lineage.archive import Archive
from alignment_dagster.lineage.lake import Artifact, Lake
from alignment_dagster.training.consumption import SEQUENCES_SCHEMA, Ledger
from alignment_dagster.training.step_log import GUARDED_SCHEMA, LogRow, write_log
from tests.support import record_lake

TOKENS = np.arange(48, dtype=np.uint16).reshape(6, 8)
Files = dict[str, bytes]


def mix(lake: Lake, folder: Path, partition: str, tokens: np.ndarray[Any, Any]) -> Artifact:
    path = folder / f"{partition}.npy"
    np.save(path, tokens)
    files = {file_names.SEQUENCES: path.read_bytes()}
    return record_lake.publish(lake, "curated_mix", partition, files, declaration=partition)


def recorded(folder: Path, ledger: Ledger, **said: Any) -> Files:
    """The files of a training that took the ledger's steps.

    Args:
        said: what the log says of each step otherwise.
    """
    ledger.write(folder / file_names.CONSUMPTION, SEQUENCES_SCHEMA)
    measured: LogRow = {"loss": 1.0, "learning_rate": 0.1, "gradient_norm": 1.0, **said}
    rows: list[LogRow] = [
        {"step": row.step, "tokens": row.tokens, **measured} for row in ledger.rows
    ]
    write_log(folder / file_names.TRAINING_LOG, rows, GUARDED_SCHEMA)
    names = (file_names.CONSUMPTION, file_names.TRAINING_LOG)
    return {name: (folder / name).read_bytes() for name in names}


def find_gaps(
    folder: Path,
    own: Callable[[Ledger], Ledger] = lambda trunk: Ledger(before=trunk.last),
    tokenizer: str = "t",
    said: Mapping[str, Any] | None = None,
    **trunk: Any,
) -> list[str]:
    """Of a trunk of two steps, and a model of its own recipe that takes the third.

    Args:
        own: what the model's ledger goes on from.
        tokenizer: the content of the model's.
        said: what the log of the model says of its steps otherwise.
        trunk: what the model declares of its trunk otherwise.
    """
    lake = record_lake.make(folder)
    read = mix(lake, folder, "plain", TOKENS)
    words = record_lake.publish(lake, "tokenizer", None, {"t": b"t"})
    shared = Ledger()
    for rows in ([0, 1], [2, 3]):
        shared.add(rows, TOKENS[rows])
    states: Mapping[str, Any] = {"pretraining": {}, "branch_steps": [trunk.pop("ends", 2)]}
    first = record_lake.publish(
        lake, "trunk_checkpoint", "plain|0", recorded(folder, shared), (read, words),
        declared=states,
    )  # fmt: skip
    rest = own(shared)
    rest.add([4, 5], TOKENS[[4, 5]])
    declared = {"recipe": "plain", "steps": 2, "same_mix": True, **trunk}
    others = record_lake.publish(
        lake, "tokenizer", None, {"t": tokenizer.encode()}, declaration=f"of the model {tokenizer}"
    )
    last = record_lake.publish(
        lake, "pretrained_checkpoint", "plain|0", recorded(folder, rest, **said or {}),
        (read, others, first),
        declared={"pretraining": {}, "trunk": declared},
    )  # fmt: skip
    made = {one.key: one for one in (read, words, others, first, last)}
    home = Home(folder / "home")
    scope = Scope(
        Archive(lake, record_lake.STUDY), home, made, made, Findings(), children_of(made.values())
    )
    check_chains(scope)
    assert scope.findings.counts["training steps"] == 3
    return [gap.message for gap in scope.findings.gaps]


def test_a_chain_goes_on_from_the_trunk_s_last_step(tmp_path: Path) -> None:
    assert find_gaps(tmp_path) == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"own": lambda _: Ledger()}, "departs from the mix at step 1"),
        ({"own": lambda trunk: Ledger(before=trunk.rows[0])}, "departs from the mix at step 2"),
        ({"steps": 1}, "departs from the mix at step 3"),
        ({"steps": 3}, "the trunk has no step 3"),
        ({"same_mix": False}, "sequence 0 was read 0 times"),
        ({"tokenizer": "other"}, "was trained with tokenizer"),
        ({"ends": 4}, "does not end with step 4"),
        ({"said": {"loss": None}}, "step 3 is recorded as taken, and by its loss"),
        ({"said": {"skipped": "spike"}}, "step 3 is recorded as spike, and by its loss"),
    ],
)
def test_a_model_that_did_not_go_on_from_its_trunk_is_a_gap(
    tmp_path: Path, changes: dict[str, Any], said: str
) -> None:
    (gap,) = find_gaps(tmp_path, **changes)
    assert said in gap
