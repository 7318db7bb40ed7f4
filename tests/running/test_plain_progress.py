"""Where there is no terminal, long work still says how far it is."""

from collections.abc import Iterator

from alignment_dagster.graph.progress_listener import Advance
from alignment_dagster.running.plain_progress import PlainProgress, measured


def said(reports: list[tuple[float, str, int, int, str]]) -> Iterator[str | None]:
    """What is said of reports at given times."""
    times = iter([time for time, *_ in reports])
    progress = PlainProgress(lambda: next(times))
    for _, *report in reports:
        name, *far = report
        yield progress.line(name, Advance(*far))


def test_short_work_says_nothing() -> None:
    assert [*said([(0.0, "a", 1, 3, "steps"), (4.0, "a", 2, 3, "steps")])] == [None, None]


def test_long_work_says_how_far_it_is_and_what_is_left() -> None:
    reports = [(float(t), "model", 100 + 10 * t, 1100, "steps") for t in (0, 4, 6, 7, 20, 22, 100)]
    lines = [*said(reports)]
    assert lines[2] == "model: 160 of 1,100 steps, 0:01:34 left"
    assert [number for number, line in enumerate(lines) if line] == [2, 5]


def test_a_resumed_training_is_not_thought_faster_than_it_is() -> None:
    reports = [(0.0, "model", 900, 1000, "steps"), (10.0, "model", 910, 1000, "steps")]
    assert [*said(reports)][1] == "model: 910 of 1,000 steps, 0:01:30 left"


def test_a_training_says_how_it_goes() -> None:
    assert measured(Advance(1, 2, "steps")) == ""
    values = {"loss": 2.34567, "learning_rate": 0.00213, "tokens_per_second": 12345.6}
    assert measured(Advance(1, 2, "steps", {**values, "gradient_norm": 0.8412})) == (
        ", loss 2.346, 12,346 tokens/s, learning rate 0.0021, gradient norm 0.84"
    )
    held_out = {"loss": 2.0, "held_out_loss/stories": 3.21987}
    assert measured(Advance(1, 2, "steps", held_out)) == ", loss 2.000, held-out stories 3.220"
    assert measured(Advance(1, 2, "steps", {"learning_rate": 0.1})) == ", learning rate 0.1"


def test_every_artifact_and_every_stage_is_followed_for_itself() -> None:
    reports = [
        (0.0, "a", 1, 9, "steps (sft)"),
        (0.0, "b", 1, 9, "steps (sft)"),
        (6.0, "a", 2, 9, "steps (sft)"),
        (6.0, "b", 1, 9, "steps (sft)"),
        (7.0, "a", 1, 9, "steps (dpo)"),
        (8.0, "a", 2, 9, "steps (dpo)"),
    ]
    assert [*said(reports)] == [
        None,
        None,
        "a: 2 of 9 steps (sft), 0:00:42 left",
        "b: 1 of 9 steps (sft)",
        None,
        None,
    ]
