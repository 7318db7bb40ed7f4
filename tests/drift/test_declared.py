"""Thresholds that can never do anything are refused where they are written."""

import pytest
from tiny_study import TinyStudy

from alignment_dagster.chain import DISPOSITIONS
from alignment_dagster.drift.measure import Moved
from alignment_dagster.drift.messages import FIRST, said_of_blocks, said_of_warnings
from alignment_dagster.drift.thresholds import judged
from alignment_dagster.foundation.errors import DeclarationError
from alignment_dagster.steps import corpus_drift
from alignment_dagster.steps.registry import STEPS
from alignment_dagster.study import Drift, Threshold

SCHEDULE = {"schedule": {"cron": "0 3 * * *"}}


@pytest.mark.parametrize(
    ("drift", "said"),
    [
        ({"filter_rates": {"warn": 0.1, "block": 1.5}}, "block: must be below 1"),
        ({"languages": {"warn": 1.0}}, "warn: must be below 1"),
        ({"volume": {"warn": 0.5, "block": 0.1}}, "block: must not be below `warn`"),
        ({"volume": {"warn": -0.1}}, "greater than 0"),
        ({"scorse": {"warn": 0.1}}, "scorse"),
    ],
)
def test_a_threshold_that_cannot_work_is_refused(
    tiny: TinyStudy, drift: dict[str, dict[str, float]], said: str
) -> None:
    tiny.change(refresh={**SCHEDULE, "drift": drift})
    with pytest.raises(DeclarationError, match=r"tiny\.yaml:\d+") as error:
        tiny.load()
    assert said in str(error.value)


def test_only_a_study_that_declares_drift_has_the_asset_and_waits_for_it(tiny: TinyStudy) -> None:
    study = tiny.load()
    assert not corpus_drift.STEP.exists(study)
    without = STEPS[DISPOSITIONS].parents(study, None)
    tiny.change(refresh=SCHEDULE)
    assert not corpus_drift.STEP.exists(tiny.load())
    tiny.change(refresh={**SCHEDULE, "drift": {}})
    study = tiny.load()
    assert corpus_drift.STEP.exists(study)
    added = set(STEPS[DISPOSITIONS].parents(study, None)) - set(without)
    assert {one.partition for one in added} == {source.name for source in study.sources}
    assert {(one.asset, one.part) for one in added} == {("corpus_drift", "verdict.json")}


def test_recipes_that_declare_the_same_rule_have_it_measured_once(tiny: TinyStudy) -> None:
    drop = [{"rule": "ai", "scorer": "ai_discourse", "column": "flagged", "above": 0.5}]
    for name in ("unfiltered", "aligned"):
        tiny.write(
            f"recipes/{name}",
            {"name": name, "description": "d", "base": "natural", "drop": drop},
        )
    study = tiny.load()
    rules = corpus_drift.declared_rules(study, study.source("stories"))
    titles = [rule.title for rule in rules.distinct()]
    assert titles == ["too_short: text_stats.words below 3", "ai: ai_discourse.flagged above 0.5"]
    talk = corpus_drift.declared_rules(study, study.source("chat"))
    assert [rule.title for rule in talk.distinct()] == titles[:1]


def test_a_value_warns_and_blocks_only_above_its_bounds() -> None:
    drift = Drift(volume=Threshold(warn=0.2, block=0.5))
    moved = [Moved("volume", f"{value}", 1.0, 1.0, value) for value in (0.2, 0.21, 0.5, 0.51)]
    rows = judged([*moved, Moved("volume", "new", None, 1.0, None)], drift)
    outcomes = [row.outcome for row in rows]
    assert outcomes == ["within", "warns", "warns", "blocks", "not_compared"]
    assert "0.51: 0.51 (blocks above 0.5). If the source is meant" in said_of_blocks(rows)
    assert said_of_warnings(rows) == "volume, 0.51: 0.51 (blocks above 0.5), and 2 more."
    assert said_of_warnings(rows[:3]) == "volume, 0.5: 0.5 (warns above 0.2), and 1 more."
    assert said_of_blocks(rows[:3]).startswith("None of 3 values blocks")
    assert said_of_blocks(rows[-1:]) == FIRST
