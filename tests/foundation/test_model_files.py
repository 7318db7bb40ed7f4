"""Models of the hub: pinned, fetched once, without code and pickles, and read without a network."""

from pathlib import Path

import pytest

from alignment_dagster.foundation.errors import DataError
from alignment_dagster.foundation.model_files import model_digest, model_path, tokenizer_digest
from alignment_dagster.study import Base
from tests.support import hub_server

NAME, REVISION = "owner/name", "0123456789" * 4
FILES = {
    "config.json": b"{}",
    "tokenizer.json": b"{ }",
    "model.safetensors": b"weights",
    "pytorch_model.bin": b"a pickle",
    "modeling_own.py": b"code",
    "onnx/model.safetensors": b"other weights",
}
ASK = """
import json, sys
from alignment_dagster.foundation.model_files import model_digest
from alignment_dagster.study import Base

for fields in json.loads(sys.argv[1]):
    try:
        print(model_digest(Base.model_validate(fields)))
    except Exception as error:
        print(f"{type(error).__name__}: {error}")
"""


@pytest.mark.slow
def test_a_model_is_fetched_once_without_what_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its digest is that of the same files in a folder."""
    there, elsewhere = ({"hub": NAME, "revision": one} for one in (REVISION, "f" * 40))
    with hub_server.serving(NAME, REVISION, FILES, "models") as (address, fetched):
        found, no_revision, no_model = hub_server.ask_alone(
            ASK,
            tmp_path / "cache",
            [there, elsewhere, {"hub": "owner/other", "revision": REVISION}],
            HF_ENDPOINT=address,
            HF_HUB_OFFLINE="0",
        )
        assert sorted(fetched) == ["config.json", "model.safetensors", "tokenizer.json"]
    said = "the hub has no such model, revision or file"
    assert no_revision.startswith(f"DataError: hub:{NAME}@{'f' * 12}: {said}")
    assert no_model.startswith(f"DataError: hub:owner/other@012345678901: {said}")
    again, uncached = hub_server.ask_alone(ASK, tmp_path / "cache", [there, elsewhere])
    assert again == found
    assert uncached.startswith(f"DataError: hub:{NAME}@{'f' * 12}: not in the cache (HF_HOME)")
    monkeypatch.setenv("ALIGNMENT_DATA", str(tmp_path))
    for name in ("config.json", "tokenizer.json", "model.safetensors"):
        (tmp_path / "folder").mkdir(exist_ok=True)
        (tmp_path / "folder" / name).write_bytes(FILES[name])
    assert model_digest(Base(path="folder")) == found


def test_other_weights_leave_the_digest_of_the_tokenizer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALIGNMENT_DATA", str(tmp_path))
    base = Base(path="folder")
    digests = set()
    (tmp_path / "folder").mkdir()
    for weights, vocabulary in ((b"1", b"1"), (b"2", b"1"), (b"2", b"2")):
        (tmp_path / "folder" / "model.safetensors").write_bytes(weights)
        (tmp_path / "folder" / "tokenizer.json").write_bytes(vocabulary)
        digests.add((model_digest(base), tokenizer_digest(base)))
    assert [len({one[at] for one in digests}) for at in (0, 1)] == [3, 2]


def test_a_model_that_is_nowhere_is_said_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ALIGNMENT_DATA", raising=False)
    with pytest.raises(DataError, match=r"^model folder: set ALIGNMENT_DATA to the folder that"):
        model_path(Base(path="folder"))
    monkeypatch.setenv("ALIGNMENT_DATA", str(tmp_path))
    with pytest.raises(DataError, match=rf"^model folder: there is no folder {tmp_path}/folder$"):
        model_path(Base(path="folder"))
    (tmp_path / "model.gguf").write_bytes(b"GGUF")
    assert model_path(Base(path="model.gguf")) == tmp_path / "model.gguf"
