"""What a study declares of drift: what is measured, and when it warns and blocks."""

from alignment_dagster.chain import DISPOSITIONS
from alignment_dagster.drift.change import Change
from alignment_dagster.drift.messages import FIRST, blocking_message, warning_message
from alignment_dagster.drift.thresholds import apply_thresholds
from alignment_dagster.steps import corpus_drift
from alignment_dagster.steps.registry import STEPS
from alignment_dagster.study import Drift, Threshold
from tests.support.tiny_study import TinyStudy

SCHEDULE = {"schedule": {"cron": "0 3 * * *"}}


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
            {"name": name, "description": "d", "remainder": "natural", "drop": drop},
        )
    study = tiny.load()
    rules = corpus_drift.declared_rules(study, study.source("stories"))
    titles = [rule.title for rule in rules.distinct()]
    assert titles == ["too_short: text_stats.words below 3", "ai: ai_discourse.flagged above 0.5"]
    talk = corpus_drift.declared_rules(study, study.source("chat"))
    assert [rule.title for rule in talk.distinct()] == titles[:1]


def test_a_value_warns_and_blocks_only_above_its_bounds() -> None:
    drift = Drift(volume=Threshold(warn=0.2, block=0.5))
    changes = [Change("volume", f"{value}", 1.0, 1.0, value) for value in (0.2, 0.21, 0.5, 0.51)]
    rows = apply_thresholds([*changes, Change("volume", "new", None, 1.0, None)], drift)
    outcomes = [row.outcome for row in rows]
    assert outcomes == ["within", "warns", "warns", "blocks", "not_compared"]
    assert "0.51: 0.51 (blocks above 0.5). If the source is meant" in blocking_message(rows)
    assert warning_message(rows) == "volume, 0.51: 0.51 (blocks above 0.5), and 2 more."
    assert warning_message(rows[:3]) == "volume, 0.5: 0.5 (warns above 0.2), and 1 more."
    assert blocking_message(rows[:3]).startswith("None of 3 values blocks")
    assert blocking_message(rows[-1:]) == FIRST
