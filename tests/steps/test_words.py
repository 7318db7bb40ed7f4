"""What is only said of a thing is no input: another wording makes nothing stale but the report."""

from collections.abc import Mapping

import yaml

from alignment_dagster.foundation.digests import sha256_json
from alignment_dagster.graph.step import Step
from alignment_dagster.steps.registry import STEPS
from alignment_dagster.study import Study
from tests.support.tiny_study import MEASURED, TAMPERING, TinyStudy, write_yaml


def configs(study: Study) -> Mapping[str, list[str]]:
    """Asset → digest of what is declared of each partition."""

    def of(step: Step) -> list[str]:
        return [sha256_json(step.config(study, one)) for one in step.partitions(study) or (None,)]

    return {name: of(step) for name, step in STEPS.items() if step.exists(study)}


def test_descriptions_make_the_report_stale_and_nothing_else(tiny: TinyStudy) -> None:
    tiny.change(**MEASURED)
    before = configs(tiny.load())
    for path in (
        *(tiny.assets / "sources").glob("*.yaml"),
        *(tiny.assets / "suites").glob("*.yaml"),
        *(tiny.assets / "recipes").glob("*.yaml"),
    ):
        write_yaml(path, {**yaml.safe_load(path.read_text()), "description": "Other words."})
    tiny.change(description="Other words.", tampering=[{**TAMPERING, "description": "Others."}])
    after = configs(tiny.load())
    assert {name for name in before if before[name] != after[name]} == {"eval_report"}


def test_the_comments_of_a_word_list_are_no_input(tiny: TinyStudy) -> None:
    def inputs() -> Mapping[str, str]:
        study = tiny.load()
        return STEPS["scored_corpus"].external_inputs(study, "stories")

    words = tiny.assets / "lexicons" / "ai_discourse" / "entities.txt"
    before, text = inputs(), words.read_text()
    words.write_text(f"# Worded otherwise.\n\n{text}")
    assert inputs() == before
    words.write_text(f"{text}\ngolem\n")
    assert {name for name in before if before[name] != inputs()[name]} == {"ai_discourse"}
