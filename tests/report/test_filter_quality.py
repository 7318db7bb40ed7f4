"""Each tier of the filter is measured on labelled documents that were read, and on no others."""

import pyarrow as pa

from alignment_dagster.report.filter_quality import measure_filter_quality


def test_tiers_are_measured_on_labelled_documents() -> None:
    rows = [
        *[(True, "instant")] * 6,
        *[(True, "two_stage")] * 2,
        *[(True, None)] * 2,
        *[(False, "instant")] * 2,
        *[(False, None)] * 88,
        *[(None, "instant")] * 50,
    ]
    planted = [(False, "instant")] * 10
    label, tier = zip(*rows, *planted, strict=True)
    path = ["news.jsonl"] * len(rows) + ["canary://alarm"] * len(planted)
    table = pa.table({"ai_discourse_label": label, "ai_discourse_tier": tier, "path": path})
    found = {row.tier: (row.precision, row.recall) for row in measure_filter_quality(table)}
    assert found == {"all": (0.8, 0.8), "instant": (0.75, 0.6), "two_stage": (1.0, 0.2)}
    assert measure_filter_quality(table.slice(100)) == ()
