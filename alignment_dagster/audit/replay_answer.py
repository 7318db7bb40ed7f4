"""What a replay showed, in words and tables."""

from collections.abc import Sequence
from dataclasses import asdict

from alignment_dagster.audit.answer import Answer, Table
from alignment_dagster.audit.replay import QUANTITIES, Departure, Replay, find_largest
from alignment_dagster.lineage.base import recorded_base
from alignment_dagster.training.step_log import SKIPPED

MAX_SHOWN = 20
MAX_CHARACTERS = 40
LIMIT = (
    "A trainer that lies is not caught by its own ledger. This does not believe the ledger, and "
    "says nothing about steps that are not taken again."
)


def replay_as_answer(replay: Replay) -> Answer:
    """Identical, or what departs from the record; and what here is not as it was then."""
    count = replay.last - replay.first + 1
    name = f"Steps {replay.first} to {replay.last} of {replay.artifact.label}"
    verdict = "identical" if replay.identical else "NOT as recorded"
    sentences = [
        _describe_start(replay),
        _describe_comparison(replay, count),
        *_explain_departures(replay),
        LIMIT,
    ]
    blocks = [_quantity_table(replay, count)]
    if replay.departures:
        blocks.append(_departure_table(replay.departures))
    if replay.differences:
        rows = [(one.what, one.recorded, one.now) for one in replay.differences]
        blocks.append(Table("Not as it was recorded", ("what", "recorded", "now"), rows))
    first = {(one.file, one.quantity): one for one in reversed(replay.departures)}
    return Answer(
        f"{name}: {verdict}",
        sentences,
        blocks,
        _as_json(replay),
        warnings=[_describe_departure(one) for one in reversed(first.values())],
    )


def _describe_start(replay: Replay) -> str:
    if step := replay.segment.began_after:
        return f"Began with the state kept after step {step}, which is taken as it was recorded."
    base = recorded_base(replay.artifact)
    if base is not None:
        return (
            f"Began with the checkpoint {base.place}, of the recorded bytes ({base.digest[:16]})."
        )
    return "Began with the random weights of the seed."


def _describe_comparison(replay: Replay, count: int) -> str:
    also = [f"the state kept after step {step}" for step in replay.segment.states]
    also += ["the final weights"] if replay.segment.weights else []
    each = f"{count:,} step{'' if count == 1 else 's'}: sequences, chain, loss, gradient norm"
    return f"Compared bit for bit: {'; '.join([each, *also])}."


def _explain_departures(replay: Replay) -> list[str]:
    """Whether something else than the record can be why a replay departs."""
    if replay.identical:
        return []
    if not replay.differences:
        return ["Code, packages and machine are those recorded: they do not explain it."]
    return [
        "Code, packages or machine are not those recorded (see below): that can explain a "
        "difference in the last bits of loss, gradient norm and weights, and never one in "
        "sequences or chain."
    ]


def _describe_departure(one: Departure) -> str:
    at = f" of step {one.step}" if one.step is not None else ""
    return (
        f"{one.file}: {one.quantity}{at} is recorded as {_shorten(one.recorded)}, and the replay "
        f"gives {_shorten(one.replayed)}"
    )


def _shorten(value: object) -> str:
    text = "nothing" if value is None else str(value)
    return text if len(text) <= MAX_CHARACTERS else f"{text[:MAX_CHARACTERS]}…"


def _quantity_table(replay: Replay, count: int) -> Table:
    rows = []
    for quantity in QUANTITIES:
        departing = [one for one in replay.departures if one.quantity == quantity]
        if quantity == SKIPPED and not departing and not replay.segment.skips:
            continue
        widest = find_largest(departing)
        rows.append(
            (
                quantity,
                count - len(departing),
                departing[0].step if departing else None,
                repr(widest.deviation) if widest else None,
                widest.step if widest else None,
            )
        )
    columns = ("quantity", "steps identical", "first departs at", "largest deviation", "at step")
    return Table("", columns, rows)


def _departure_table(departures: Sequence[Departure]) -> Table:
    rows = [
        (one.file, one.quantity, one.step, _shorten(one.recorded), _shorten(one.replayed))
        for one in departures[:MAX_SHOWN]
    ]
    columns = ("file", "what", "step", "recorded", "replayed")
    return Table("Departures", columns, rows, max(0, len(departures) - MAX_SHOWN))


def _as_json(replay: Replay) -> dict[str, object]:
    segment, widest = replay.segment, find_largest(replay.departures)
    return {
        "artifact": replay.artifact.label,
        "first": replay.first,
        "last": replay.last,
        "began_after_step": segment.began_after,
        "identical": replay.identical,
        "steps": [asdict(step) for step in segment.taken],
        "states": {str(step): digest for step, digest in segment.states.items()},
        "weights": segment.weights,
        "departures": [{**asdict(one), "deviation": one.deviation} for one in replay.departures],
        "largest_deviation": widest and {"step": widest.step, "deviation": widest.deviation},
        "differences": [asdict(one) for one in replay.differences],
        "limit": LIMIT,
    }
