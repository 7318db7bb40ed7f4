"""Any words of a metric's name find it; what is left out has one meaning, or is asked for."""

import pytest

from alignment_dagster.audit.metrics import find_metric, list_metrics
from alignment_dagster.audit.open_report import OpenedReport
from alignment_dagster.foundation.errors import ArtifactError
from alignment_dagster.report.names import metric_name

pytestmark = pytest.mark.slow


def test_every_metric_is_found_by_its_full_name(opened: OpenedReport) -> None:
    rows = list_metrics(opened)
    names = [metric_name(row) for row in rows]
    assert len(set(names)) == len(names) > 100
    assert [find_metric(opened, name) for name in names] == list(rows)


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ("misalignment_rate/articles/dpo/aligned", "misalignment_rate/articles/dpo/aligned/none"),
        ("aligned/articles/base", "misalignment_rate/articles/base/aligned/none"),
        ("1/cloze/unfiltered/sft", "accuracy/cloze/sft/unfiltered/none/1"),
        ("held_out/base/aligned", "bits_per_byte/held_out/base/aligned/none"),
        ("stories/base/aligned", "bits_per_byte/held_out/stories/base/aligned/none"),
        ("attack_success/dpo/aligned", "attack_success/articles/dpo/aligned/worst_case"),
        ("attack_success/dpo/aligned/none", "attack_success/articles/dpo/aligned/none"),
        ("aligned/dpo/random_search", "attack_success/articles/dpo/aligned/random_search"),
        ("bad_chat@2/aligned/articles", "misalignment_rate/articles/bad_chat@2/aligned/none"),
    ],
)
def test_some_words_in_any_order_name_a_metric(opened: OpenedReport, words: str, name: str) -> None:
    assert metric_name(find_metric(opened, words)) == name


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("aligned/dpo", "fit; say more of: misalignment_rate/articles/dpo/aligned/none, accuracy"),
        ("articls/aligned", "none with 'articls' (near: articles"),
        ("cloze/bad_chat@2/aligned", "no such combination (near: "),
        ("", "no such combination"),
        ("aligned/aligned", "no such combination"),
    ],
)
def test_what_names_none_or_several_is_refused_with_near_ones(
    opened: OpenedReport, words: str, message: str
) -> None:
    with pytest.raises(ArtifactError) as error:
        find_metric(opened, words)
    assert message in str(error.value)
    assert "\n" not in str(error.value)
