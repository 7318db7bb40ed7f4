"""What a dossier's artifacts were made from is followed to where it ends, and the end is told."""

from typing import Any

import pytest

from alignment_dagster.release.dossier import verify

CORPUS, VOCABULARY = "raw_corpus[stories]@1", "tokenizer@1"
MIX, CHECKPOINT = "curated_mix[a]@1", "pretrained_checkpoint[a|0]@1"


def artifacts(vocabulary: dict[str, str], checkpoint: dict[str, str]) -> dict[str, Any]:
    """A checkpoint, its mix and a vocabulary that names no parents; what each read elsewhere."""

    def made(name: str, *parents: str, **read: str) -> dict[str, Any]:
        named = [
            {
                "asset": one.partition("@")[0].partition("[")[0],
                "partition": one.partition("[")[2].partition("]")[0] or None,
                "version": "1",
                "digest": one,
                "part": None,
            }
            for one in parents
        ]
        inputs = {"parents": named, "external_inputs": read}
        return {"digest": name, "files": {}, "provenance": {"inputs": inputs}}

    return {
        CORPUS: made(CORPUS),
        VOCABULARY: made(VOCABULARY, **vocabulary),
        MIX: made(MIX, CORPUS, VOCABULARY),
        CHECKPOINT: made(CHECKPOINT, MIX, VOCABULARY, **checkpoint),
    }


def test_a_checkpoint_elsewhere_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    said = verify.Said()
    base = {verify.BASE: "digest"}
    verify.check_parents(said, artifacts(base, base), CHECKPOINT)
    assert not said.broken
    assert "NOTE   training went on from a checkpoint digest: what it read before is unknown" in (
        capsys.readouterr().out
    )


def test_a_vocabulary_of_nothing_is_a_gap(capsys: pytest.CaptureFixture[str]) -> None:
    said = verify.Said()
    verify.check_parents(said, artifacts({}, {}), CHECKPOINT)
    assert said.broken == 1
    assert f"FAILS  {VOCABULARY} names nothing that it was made from" in capsys.readouterr().out
