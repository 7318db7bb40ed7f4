"""A device that is not there is said before anything runs."""

from pathlib import Path

import pytest
import torch

from alignment_dagster.foundation.errors import AlignmentError
from alignment_dagster.foundation.home import HOME_VARIABLE, assets_folder
from alignment_dagster.preflight.studies import load_study
from alignment_dagster.running.plan import Selection
from alignment_dagster.running.runner import run_study


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
@pytest.mark.parametrize("said", ["--device", "placement.yaml"])
def test_a_gpu_that_is_not_there_is_said_before_anything_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str
) -> None:
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path))
    if said == "placement.yaml":
        (tmp_path / said).write_text("device: cuda\n")
    before = set(tmp_path.iterdir())
    study = load_study("quickstart", assets_folder())
    with pytest.raises(AlignmentError, match=r"device cuda: .* `--device auto` takes what is"):
        run_study(study, Selection(), 1, "cuda" if said == "--device" else "")
    assert set(tmp_path.iterdir()) == before
