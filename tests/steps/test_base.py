"""What goes on from a checkpoint elsewhere is stale when that changes, and the report says so."""

from collections.abc import Mapping

import pytest

from alignment_dagster.chain import PRETRAINED_CHECKPOINT, TOKENIZER
from alignment_dagster.foundation.errors import DataError
from alignment_dagster.graph.parent_spec import Parents
from alignment_dagster.lineage.provenance import BASE
from alignment_dagster.preflight.studies import load_study
from alignment_dagster.report.gather.limits import study_limits
from alignment_dagster.steps.registry import STEPS
from alignment_dagster.study import Study
from tests.support.base_model import write_base
from tests.support.tiny_study import STUDY, TinyStudy

REPLICATE = "unfiltered|0"


@pytest.fixture
def study(tiny: TinyStudy) -> Study:
    write_base(tiny.data / "base")
    tiny.change(base={"path": "base"}, tokenizer=None, model=None)
    return tiny.load()


def read(study: Study) -> Mapping[str, str]:
    """Step → the digest of what it reads of the checkpoint."""
    names = (TOKENIZER, PRETRAINED_CHECKPOINT)
    return {name: STEPS[name].external_inputs(study, REPLICATE)[BASE] for name in names}


def test_other_weights_make_training_stale_and_another_tokenizer_all_of_it(
    study: Study, tiny: TinyStudy
) -> None:
    before = read(study)
    (tiny.data / "base" / "model.safetensors").write_bytes(b"other weights")
    weights = read(study)
    assert weights[TOKENIZER] == before[TOKENIZER]
    assert weights[PRETRAINED_CHECKPOINT] != before[PRETRAINED_CHECKPOINT]
    (tiny.data / "base" / "tokenizer.json").write_text("{}")
    assert read(study)[TOKENIZER] != before[TOKENIZER]
    (tiny.data / "base").rename(tiny.data / "gone")
    with pytest.raises(DataError, match="model base: there is no folder"):
        read(study)


def test_its_vocabulary_is_made_from_no_documents(study: Study) -> None:
    assert STEPS[TOKENIZER].parents(study, None) == ()
    assert STEPS[TOKENIZER].config(study, None)["base"]["path"] == "base"


def test_the_report_says_that_what_it_read_is_unknown(study: Study) -> None:
    (said,) = study_limits(study, Parents(()), ())
    assert said.startswith("Every model goes on from the checkpoint base: what it read before is")


def test_a_study_that_begins_with_nothing_reads_and_declares_what_it_did(tiny: TinyStudy) -> None:
    """It says nothing of a checkpoint, so that nothing that was made becomes stale."""
    study = tiny.load()
    step = STEPS[PRETRAINED_CHECKPOINT]
    assert step.external_inputs(study, REPLICATE) == {}
    declared = step.config(study, REPLICATE)
    assert set(declared) == {"model", "pretraining", "sequence_length", "seed"}
    assert declared["model"] == STUDY["model"]
    assert set(STEPS[TOKENIZER].external_inputs(study, None)) == {"articles", "cloze"}
    assert "base" not in study.declaration.model_dump()


def test_a_smoke_run_goes_on_from_the_same_checkpoint(study: Study, tiny: TinyStudy) -> None:
    assert load_study("tiny_smoke", tiny.assets).declaration.base == study.declaration.base
