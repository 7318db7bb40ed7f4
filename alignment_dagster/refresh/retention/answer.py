"""A collection as sentences, a table and JSON."""

from collections.abc import Iterator

from alignment_dagster.audit.answer import Answer, Table
from alignment_dagster.audit.artifact_list import size
from alignment_dagster.chain import ORDER
from alignment_dagster.lineage.archive import Key
from alignment_dagster.lineage.lake import label
from alignment_dagster.refresh.retention.plan import Plan
from alignment_dagster.refresh.retention.references import REASONS

COLUMNS = ("asset", "kept", "collected", "freed", "why kept")


def answer(plan: Plan, *, deleted: bool) -> Answer:
    """What was removed, or would be."""
    return Answer(
        title=f"gc of {plan.archive.study}",
        sentences=list(_sentences(plan, deleted=deleted)),
        blocks=[_table(plan, "collected" if deleted else "would be collected")],
        data=_data(plan, deleted=deleted),
    )


def _sentences(plan: Plan, *, deleted: bool) -> Iterator[str]:
    rule = plan.retention
    yield (
        f"Kept is what is current, reviewed, behind the last {rule.reports} reports, or became "
        f"current within {rule.days} days, with everything that it was made from."
    )
    count = len(plan.collect) + len(plan.half)
    what = f"{count:,} artifacts and {len(plan.folders):,} folders of stopped computations"
    if deleted:
        yield f"Removed were the files of {what}: {size(plan.freed)}. The records stay."
    else:
        yield f"It would remove the files of {what}: {size(plan.freed)}. The records would stay."
        yield "Nothing was removed: --delete does it."
    if plan.running:
        run, status = next(iter(plan.running.items()))
        yield f"--delete would be refused now: run {run} is {status} in Dagster."


def _table(plan: Plan, collected: str) -> Table:
    gone = [_key_of(plan, index) for index in range(len(plan.collect) + len(plan.half))]
    rows: list[tuple[str | int, ...]] = []
    for asset in ORDER:
        staying = [key for key in plan.kept if key[0] == asset]
        going = [key for key in gone if key[0] == asset]
        if staying or going:
            reasons = {reason for key in staying for reason in plan.kept[key]}
            why = ", ".join(reason for reason in REASONS if reason in reasons)
            freed = size(sum(plan.sizes[key] for key in going))
            rows.append((asset, len(staying), len(going), freed, why))
    folders = size(sum(plan.sizes[folder] for folder in plan.folders))
    rows.append(("(stopped computations)", "", len(plan.folders), folders, ""))
    columns = [collected if name == "collected" else name for name in COLUMNS]
    return Table("versions", columns, rows)


def _key_of(plan: Plan, index: int) -> Key:
    one = (*plan.collect, *plan.half)[index]
    return (one.asset, one.partition, one.version)


def _data(plan: Plan, *, deleted: bool) -> dict[str, object]:
    return {
        "study": plan.archive.study,
        "deleted": deleted,
        "retention": {"reports": plan.retention.reports, "days": plan.retention.days},
        "kept": [
            {"artifact": label(*key), "why": list(reasons)} for key, reasons in plan.kept.items()
        ],
        "collected": [
            {"artifact": one.label, "bytes": plan.sizes[_key_of(plan, index)]}
            for index, one in enumerate((*plan.collect, *plan.half))
        ],
        "folders": [
            {"folder": str(folder), "bytes": plan.sizes[folder]} for folder in plan.folders
        ],
        "freed": plan.freed,
        "running": dict(plan.running),
    }
