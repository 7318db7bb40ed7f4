"""The graph of past materializations: nothing overlaps, and every line ends at its boxes."""

import re
import shutil
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alignment_dagster.audit.pages import graph as graphs
from alignment_dagster.audit.pages.drawing import Node, cut, draw, line
from alignment_dagster.audit.pages.geometry import COLUMNS, Box, Layout
from alignment_dagster.audit.pages.graph import direct_edges, graph
from alignment_dagster.audit.pages.layout import layout
from alignment_dagster.chain import BY_SOURCE, ORDER
from alignment_dagster.foundation import page_links
from alignment_dagster.lineage.archive import Archive
from alignment_dagster.lineage.lake import Artifact, Lake
from alignment_dagster.lineage.provenance import Key
from tests.support import record_lake
from tests.support.record_lake import STUDY

SOURCES = ("stories", "news", "chat")
RECIPES = ("plain", "filtered", "a_recipe_with_a_very_long_name")


def column(asset: str) -> tuple[str, ...]:
    """The assets that stand in one column with that one."""
    return next(assets for assets in COLUMNS if asset in assets)


UNSEEDED = (*column("dispositions"), *column("metrics"), "eval_report")
SEEDED = (
    *column("pretrained_checkpoint"), *column("post_trained_checkpoint"), *column("evaluation"),
)  # fmt: skip
versions = st.sampled_from(["a" * 16, "b" * 16, "c" * 16])
keys = st.one_of(
    st.tuples(st.sampled_from(["raw_corpus", "scored_corpus"]), st.sampled_from(SOURCES), versions),
    st.tuples(st.just("curated_mix"), st.sampled_from(RECIPES), versions),
    st.tuples(
        st.sampled_from([*column("trunk_checkpoint"), *SEEDED]),
        st.builds("{}|{}".format, st.sampled_from(RECIPES), st.integers(0, 3)),
        versions,
    ),
    st.tuples(
        st.sampled_from([*UNSEEDED, "regression_gate"]),
        st.none(),
        versions,
    ),
)  # fmt: skip


def quickstart() -> list[Key]:
    """As many as a study of four recipes and three seeds has."""
    recipes = [f"recipe_{number}" for number in range(4)]
    return [
        *((asset, f"source_{n}", "v" * 16) for asset in BY_SOURCE[:2] for n in range(8)),
        *((asset, None, "v" * 16) for asset in UNSEEDED),
        *(("curated_mix", recipe, "v" * 16) for recipe in recipes),
        *((asset, f"{recipe}|{seed}", "v" * 16)
          for asset in SEEDED for recipe in recipes for seed in range(3)),
    ]  # fmt: skip


def overlap(one: Box, other: Box) -> bool:
    return (
        one.x < other.x + other.width
        and other.x < one.x + one.width
        and one.y < other.y + other.height
        and other.y < one.y + one.height
    )


def assert_sound(placed: Layout, asked: Sequence[Key]) -> None:
    assert {box.key for box in placed.boxes} == set(asked)
    assert len(placed.boxes) == len(asked)
    for box in placed.boxes:
        assert box.x >= 0 and box.x + box.width <= placed.width  # noqa: PT018
        assert box.y >= 0 and box.y + box.height <= placed.height  # noqa: PT018
    assert not [pair for pair in combinations(placed.boxes, 2) if overlap(*pair)]
    assert not [pair for pair in combinations(placed.panels, 2) if overlap(*pair)]  # type: ignore[arg-type]


def test_every_asset_of_the_chain_has_its_column() -> None:
    assert sorted(asset for assets in COLUMNS for asset in assets) == sorted(ORDER)


@given(st.lists(keys, unique=True, max_size=60))
def test_nothing_overlaps_and_all_is_inside(asked: list[Key]) -> None:
    assert_sound(layout(asked), asked)


def test_a_whole_study_fits_a_screen_in_width() -> None:
    asked = quickstart()
    assert len(asked) == 98
    placed = layout(asked)
    assert_sound(placed, asked)
    assert placed.width <= 1240, "at 1200 pixels its letters are hardly smaller"


def test_columns_follow_the_chain_and_lanes_the_seeds() -> None:
    gate: Key = ("regression_gate", None, "v" * 16)
    placed = {box.key: box for box in layout([*quickstart(), gate]).boxes}
    undeclared = {
        ("classifier",), ("corpus_drift",), ("near_duplicates",), ("trunk_checkpoint",),
    }  # fmt: skip
    there = [assets for assets in COLUMNS if assets not in undeclared]
    order = [next(box.x for key, box in placed.items() if key[0] in assets) for assets in there]
    assert order == sorted(order)

    def middle(asset: str, partition: str) -> float:
        box = placed[asset, partition, "v" * 16]
        return box.y + box.height / 2

    for partition in ("recipe_0|0", "recipe_3|2"):
        assert middle("pretrained_checkpoint", partition) == middle(
            "post_trained_checkpoint", partition
        )
    assert middle("raw_corpus", "source_3") == middle("scored_corpus", "source_3")


def test_a_recipe_has_all_that_is_its_own_in_its_band() -> None:
    placed = layout(quickstart())
    assert [band.recipe for band in placed.panels] == [f"recipe_{number}" for number in range(4)]
    for band in placed.panels:
        own = [box for box in placed.boxes if (box.key[1] or "").split("|")[0] == band.recipe]
        assert len(own) == 1 + 3 * len(SEEDED)
        assert all(
            band.x <= box.x and box.x + box.width <= band.x + band.width
            and band.y <= box.y and box.y + box.height <= band.y + band.height
            for box in own
        )  # fmt: skip


def test_a_line_ends_at_its_boxes() -> None:
    start = Box(("raw_corpus", "a", "1"), 10, 20, 100, 30)
    end = Box(("scored_corpus", "a", "2"), 200, 80, 50, 20)
    assert re.findall(r"[-\d.]+", line(start, end)) == [
        "110", "35", "155", "35", "155", "90", "200", "90",
    ]  # fmt: skip
    below = Box(("tokenizer", None, "3"), 10, 90, 100, 30)
    numbers = [float(one) for one in re.findall(r"[-\d.]+", line(start, below))]
    assert numbers[:2] == [110, 35]
    assert numbers[-2:] == [110, 105]
    assert min(numbers[2], numbers[4]) > 110, "it passes beside what is between"


def test_a_parent_that_is_an_ancestor_of_another_parent_needs_no_line() -> None:
    a, b, c = (("raw_corpus", name, "1") for name in "abc")
    assert direct_edges({c: [a, b], b: [a], a: []}) == [(c, b), (b, a)]


def test_names_that_are_too_long_keep_both_ends() -> None:
    assert cut("misalignment_upsampled", 9) == "misa…pled"
    assert cut("short", 5) == "short"
    assert all(len(cut("x" * 50, letters)) == letters for letters in range(3, 40))


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return record_lake.make(tmp_path)


def chain(lake: Lake, **changes: str) -> list[Artifact]:
    """A source, its tables, a mix, two seeds of a checkpoint, and a report."""
    raw = record_lake.publish(lake, "raw_corpus", "stories", **changes)
    tables = record_lake.publish(lake, "documents", None, parents=[raw])
    mix = record_lake.publish(lake, "curated_mix", "plain", parents=[raw, tables])
    seeds = [
        record_lake.publish(lake, "pretrained_checkpoint", f"plain|{seed}", parents=[mix])
        for seed in (0, 1)
    ]
    return [raw, tables, mix, *seeds, record_lake.publish(lake, "eval_report", None, parents=seeds)]


def addresses(svg: str) -> set[str]:
    return set(re.findall(r'href="([^"]+)"', svg))


def page(artifact: Artifact) -> str:
    return page_links.audit_page(STUDY, *artifact.key)


def test_a_report_shows_all_that_it_was_made_from_each_linked(lake: Lake) -> None:
    made = chain(lake)
    drawn = graph(Archive(lake, STUDY), [made[-1]], made[-1])
    assert addresses(drawn.svg) == {page(one) for one in made}
    assert "6 artifacts, made on 2026-01-01 (UTC)" in drawn.caption
    assert "dashed" not in drawn.caption


def test_an_artifact_shows_its_ancestors_and_descendants_only(lake: Lake) -> None:
    raw, tables, mix, seed, other, report = chain(lake)
    unrelated = record_lake.publish(lake, "raw_corpus", "news")
    drawn = graph(Archive(lake, STUDY), [seed], seed)
    assert addresses(drawn.svg) == {page(one) for one in (raw, tables, mix, seed, report)}
    assert page(other) not in drawn.svg
    assert page(unrelated) not in drawn.svg
    assert drawn.svg.count('class="node chosen"') == 1


def test_past_versions_and_reuse_are_marked(lake: Lake) -> None:
    made = chain(lake)
    after = chain(lake, declaration="changed")
    assert made[0].version != after[0].version
    record_lake.become_current(lake, after[2], reused=True)
    drawn = graph(Archive(lake, STUDY), [made[-1]], made[-1])
    assert drawn.svg.count("past") == 1, "only the source was replaced: the rest has the same bytes"
    assert "taken again 1 times" in drawn.svg
    assert "↻" in drawn.caption
    assert "dashed" in drawn.caption


def test_an_ancestor_that_is_gone_is_shown_as_gone(lake: Lake) -> None:
    made = chain(lake)
    shutil.rmtree(made[2].path)
    drawn = graph(Archive(lake, STUDY), [made[-1]], made[-1])
    assert f"{made[2].label}: not in the lake any more" in drawn.svg
    assert page(made[2]) not in drawn.svg
    assert page(made[3]) in drawn.svg


def test_too_many_descendants_are_counted_instead(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = chain(lake)
    monkeypatch.setattr(graphs, "MOST", 3)
    drawn = graph(Archive(lake, STUDY), [made[0]], made[0])
    assert addresses(drawn.svg) == {page(one) for one in made[:3]}
    assert "3 more that were made from it are not drawn" in drawn.caption


def test_every_drawn_line_is_between_an_artifact_and_its_parent(lake: Lake) -> None:
    made = chain(lake)
    archive = Archive(lake, STUDY)
    placed = {box.key: box for box in layout([one.key for one in made]).boxes}
    drawn = re.findall(r'^<path[^>]* d="[^"]+"/>$', graph(archive, [made[-1]]).svg, re.MULTILINE)
    expected = [
        line(placed[parent.key], placed[one.key])
        for one in made
        for parent in archive.parents(one)
        if (parent.asset, one.asset) != ("raw_corpus", "curated_mix")
    ]
    assert sorted(drawn) == sorted(expected)


def test_hostile_names_are_text_in_the_picture() -> None:
    key = ("curated_mix", '"><script>alert(1)</script>\u202e\x1b[31m', "v" * 16)
    node = Node("<i>", "07:23", "x", 0, ['"<b>'], ["'><u>"], True, False, False, True)
    svg = draw(layout([key]), {key: node}, {key: []}, [])
    assert not re.search(r"<(?!/?(?:svg|g|a|rect|text|title|path)\b)", svg)
    assert not re.search("[\x1b\u202e]", svg)
    assert "javascript" not in svg
