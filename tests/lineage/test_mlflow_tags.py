"""What MLflow is told of a run and of an experiment, before it is told."""

import pytest

from alignment_dagster.lineage.mlflow_experiment import LONGEST_TAG, experiment_tags
from alignment_dagster.lineage.mlflow_tags import LONGEST_VALUE, params, place_tags
from alignment_dagster.preflight.studies import load_studies
from alignment_dagster.steps.registry import STEPS
from alignment_dagster.study import Study
from tests.support.checkout import CHECKOUT
from tests.support.tiny_study import TinyStudy

STUDIES = load_studies(CHECKOUT / "assets")


def test_a_declaration_becomes_flat_parameters_and_says_nothing_at_length() -> None:
    declared = {
        "pretraining": {"batch_size": 8, "schedule": None},
        "stages": ["base", "dpo"],
        "tampering": [{"name": "bad", "steps": 2, "description": "d"}],
        "suites": [{"suite": "articles"}],
        "text": "x" * (LONGEST_VALUE + 1),
        "limits": ["It is small."],
    }
    assert params(declared) == {
        "pretraining.batch_size": "8",
        "stages": "base, dpo",
        "tampering.bad.name": "bad",
        "tampering.bad.steps": "2",
        "suites.0.suite": "articles",
    }


@pytest.mark.parametrize(
    ("asset", "partition", "own"),
    [
        ("evaluation", "plain|3", {"recipe": "plain", "seed": "3"}),
        ("curated_mix", "plain", {"recipe": "plain"}),
        ("raw_corpus", "stories", {}),
        ("metrics", None, {}),
    ],
)
def test_recipe_and_seed_are_tags_of_their_own(
    asset: str, partition: str | None, own: dict[str, str]
) -> None:
    tags = place_tags("tiny", asset, partition)
    assert {key: tags[key] for key in ("recipe", "seed") if key in tags} == own


@pytest.mark.parametrize("study", STUDIES, ids=lambda study: study.name)
def test_mlflow_takes_what_the_shipped_studies_declare(study: Study) -> None:
    from mlflow.utils.validation import _validate_param  # slow to import

    assert all(len(value) <= LONGEST_TAG for value in experiment_tags(study).values())
    for step in STEPS.values():
        for partition in step.partitions(study) or (None,) * step.exists(study):
            for key, value in params(step.config(study, partition)).items():
                _validate_param(key, value)


def test_a_description_is_text(tiny: TinyStudy) -> None:
    tiny.change(description="<script>x</script> ![y](http://a.example/y.png) & more")
    note = experiment_tags(tiny.load())["mlflow.note.content"].splitlines()[0]
    assert note == "&lt;script&gt;x&lt;/script&gt; !\\[y](http://a.example/y.png) &amp; more"
