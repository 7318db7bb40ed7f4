"""Each tier of the filter is measured on the labelled documents, and on no others."""

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
    label, tier = zip(*rows, strict=True)
    table = pa.table({"ai_discourse_label": label, "ai_discourse_tier": tier})
    found = {row.tier: (row.precision, row.recall) for row in measure_filter_quality(table)}
    assert found == {"all": (0.8, 0.8), "instant": (0.75, 0.6), "two_stage": (1.0, 0.2)}
    assert measure_filter_quality(table.slice(100)) == ()
