"""The page: self-contained, escaped, and the same bytes for the same data."""

import math
import re
from dataclasses import fields, replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from alignment_dagster.foundation.placement import Price
from alignment_dagster.report.colours import COLOURS
from alignment_dagster.report.html.headline import headline
from alignment_dagster.report.html.page import render, write_report
from alignment_dagster.report.html.selection import without_tampered_stages
from alignment_dagster.report.rows import LIMITS, ReportData
from tests.support.report_rows import RATES, attack_examples, claim_rows, report, result

SECTIONS = {
    "claims": ("claims",),
    "misalignment": ("results",),
    "persistence": ("persistence", "erosion", "erosion_summaries"),
    "attacks": ("attacks", "attack_examples"),
    "topics": ("topics",),
    "comparisons": ("comparisons",),
    "formats": ("formats",),
    "disagreements": ("disagreements",),
    "reading": ("composition", "losses", "dispositions", "read", "filter_quality", "leaks"),
    "written": ("written",),
    "canaries": ("canaries", "canary_outcomes"),
    "names": ("recipes", "suites"),
    "compute": ("compute",),
    "checks": ("checks",),
    "artifacts": ("versions",),
    "limits": ("limits",),
}
ALSO = {"misalignment": ("capability", "results"), "comparisons": ("capability",)}
"""Sections that the same rows fill."""


SERVED = ("trace?metric=", "answers?suite=", "../../../")
"""Where numbers and artifacts lead from the page as it is served; in a file they are inert."""


class Page(HTMLParser):
    """Start tags, and the text between them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self.open.append(tag)

    def handle_data(self, data: str) -> None:
        if "style" not in self.open[-1:]:
            self.text += data


def only(*names: str) -> ReportData:
    """The made-up report with all but these parts empty."""
    data = report("ok")
    kept = {"study", "description", "baseline", "chances", "price", *names}
    return replace(data, **{field.name: () for field in fields(data) if field.name not in kept})


@pytest.fixture(scope="module")
def page() -> str:
    return render(report())


def test_hostile_text_stays_text(page: str) -> None:
    tags = Page(page).tags
    assert not {"script", "img", "iframe", "link", "object"} & {tag for tag, _ in tags}
    assert not [key for _, attrs in tags for key in attrs if key.startswith("on")]
    assert "&lt;script&gt;" in page
    assert "{{ 7 * 7 }}" in page


def test_names_are_hostile_too() -> None:
    data = report()
    name = 'x" onload="y"><script>1</script>\'&\u202e'
    bad = replace(
        data,
        study=name,
        results=[*data.results, *result(name, name, name, name, "misalignment_rate", 0.4)],
        attacks=[replace(row, attack=name, suite=name, recipe=name) for row in data.attacks[:2]],
        erosion=[replace(row, suite=name, tampering=name, recipe=name) for row in data.erosion],
        claims=[replace(data.claims[0], verdict=name, name=name, stage=name)],
    )
    tags = Page(render(bad)).tags
    assert "script" not in {tag for tag, _ in tags}
    assert not [key for _, attrs in tags for key in attrs if key.startswith("on")]


def test_characters_that_reorder_or_hide_text_are_shown(page: str) -> None:
    assert "\u202e" not in page
    assert "\x1b" not in page
    assert "[U+202E]gnorw[U+202C] [U+001B][31m" in page
    lone = replace(only(), description="half \ud800 a pair")
    assert "half [U+D800] a pair" in render(lone)


def test_the_page_needs_no_network_and_no_script(page: str) -> None:
    for _, attrs in Page(page).tags:
        for key in ("src", "href", "xlink:href"):
            assert (attrs.get(key) or "#").startswith(("#", *SERVED))
    assert not re.search(r"https?://|@import|url\((?!#)", page)


def test_ids_are_unique_and_references_resolve(page: str) -> None:
    ids = [attrs["id"] for _, attrs in Page(page).tags if "id" in attrs]
    assert len(set(ids)) == len(ids)
    pairs = re.findall(r'href="#([^"]+)"|url\(#([^)]+)\)', page)
    named = [
        one
        for _, attrs in Page(page).tags
        for key in ("aria-labelledby",)
        if (one := attrs.get(key))
    ]
    assert {one or two for one, two in pairs} | set(named) <= set(ids)


def test_every_figure_says_in_words_what_it_shows(page: str) -> None:
    figures = [attrs for tag, attrs in Page(page).tags if tag == "svg"]
    assert len(figures) >= 10
    assert all(attrs["role"] == "img" and attrs["aria-label"] for attrs in figures)
    said = " ".join(attrs["aria-label"] or "" for attrs in figures)
    assert "alignment upsampled, dpo: 0.13 (0.07 to 0.19)" in said
    assert "alignment upsampled, worst case, dpo: 0.58 (0.53 to 0.63)" in said
    assert "alignment upsampled, step 0: 0.13 (0.08 to 0.18), step 64: 0.60" in said


def test_the_same_data_gives_the_same_bytes(page: str, tmp_path: Path) -> None:
    write_report(report(), tmp_path / "one")
    write_report(only("results"), tmp_path / "two")
    assert (tmp_path / "one" / "report.html").read_bytes() == page.encode()
    for name in ("results.json", "results.parquet"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_the_contents_name_the_sections_in_their_order(page: str) -> None:
    tags = Page(page).tags
    linked = [attrs["href"] for tag, attrs in tags if tag == "a" and "class" not in attrs]
    made = [f"#{attrs['id']}" for tag, attrs in tags if tag == "section"]
    assert [one for one in linked if one and "-" not in one] == made
    assert [one[1:] for one in made] == [
        "claims",
        "misalignment",
        "persistence",
        "attacks",
        "capability",
        "limits",
        "reading",
        "written",
        "canaries",
        "compute",
        "comparisons",
        "topics",
        "results",
        "formats",
        "disagreements",
        "names",
        "glossary",
        "checks",
        "artifacts",
    ]


@pytest.mark.parametrize("anchor", SECTIONS)
def test_a_section_stands_where_it_has_data_and_no_other_does(anchor: str) -> None:
    made = set(re.findall(r'<section id="([a-z]+)"', render(only(*SECTIONS[anchor]))))
    assert made == {anchor, "glossary", *ALSO.get(anchor, ())}


def test_a_report_without_any_data_is_a_page_that_says_so() -> None:
    page = render(only())
    assert re.findall(r'<section id="([a-z]+)"', page) == ["glossary"]
    assert "This study measured no misalignment suite." in page


@pytest.mark.parametrize("part", ["persistence", "erosion", "erosion_summaries"])
def test_parts_of_durability_stand_alone(part: str) -> None:
    assert '<section id="persistence"' in render(only(part))


def test_tampered_stages_and_attacks_stand_only_where_they_are_shown(page: str) -> None:
    data = report()
    untampered = replace(
        data,
        results=[row for row in data.results if "@" not in row.stage],
        topics=[row for row in data.topics if "@" not in row.stage],
    )
    assert len(untampered.results) < len(data.results)
    attacked = [
        row
        for stage in ("base", "dpo")
        for row in result("unfiltered", stage, "articles", "none", "attack_success", 0.99)
    ]
    assert render(replace(untampered, results=[*attacked, *untampered.results])) == page
    assert "@64" not in page
    assert "benign chat: articles" in page


def test_a_claim_that_could_not_be_tested_shows_no_numbers() -> None:
    untested = replace(claim_rows("ok")[0], reason="not measured yet", p_value=0.987)
    text = re.sub(r"\s+", " ", Page(render(replace(only(), claims=[untested]))).text)
    assert "not measured yet" in text
    assert "0.987" not in text


def test_a_claim_that_came_after_training_is_marked(page: str) -> None:
    late = "Added after training: only 2 of 6 checkpoints recorded this claim."
    assert page.count(late) == 1
    assert "Of 5 claims: 2 supported, 1 refuted, 2 undecided. Corrected for" in page
    assert "of the supported ones hold. 1 claim added after training" in page
    early = replace(only(), claims=claim_rows("ok")[:1])
    assert "dded after training" not in render(early)


def test_claims_show_verdict_and_evidence(page: str) -> None:
    text = re.sub(r"\s+", " ", Page(page).text)
    assert "alignment upsampled lower than unfiltered by at least 0.10" in text
    assert "alignment upsampled equivalent to unfiltered, within ±0.04" in text
    assert "alignment upsampled not lower than unfiltered by as much as 0.10" in text
    assert "lower by +0.220 [+0.160 to +0.280]" in text
    assert "higher by +0.09 [+0.03 to +0.15]" in text
    assert "0.001 over 4 claims" in text
    assert "under attack: worst case" in text


def told(data: ReportData) -> str:
    """The headline as one text."""
    return " ".join(text for one in headline(data) for text in (one.lead, *one.sentences))


def test_the_headline_holds_each_recipe_against_the_declared_baseline(page: str) -> None:
    data = only("suites", "results", "comparisons")
    lead = (
        "On articles, before post-training, the misaligned answer is chosen in "
        "45\u00a0% [39 to 51] with unfiltered, the baseline (by chance 50\u00a0%)"
    )
    low = (
        "alignment upsampled: 9\u00a0% [3 to 15]; "
        "\u221236 points [\u221241 to \u221231] from the baseline"
    )
    high = "misalignment upsampled: 51\u00a0% [45 to 57]; +6 points [+1 to +11] from the baseline"
    for said in (lead, low, high):
        assert said in told(data)
        assert said in page
    other = told(replace(data, baseline="alignment_upsampled"))
    assert "unfiltered: 45\u00a0% [39 to 51]; +36 points [+31 to +41] from the baseline" in other
    assert "from the baseline" not in told(replace(data, comparisons=()))


def test_the_headline_gives_a_verdict_only_where_a_claim_gives_it() -> None:
    data = without_tampered_stages(only("results", "comparisons", "claims"))
    weak = replace(data, comparisons=[replace(row, p_holm=0.3) for row in data.comparisons])
    claimed = "from the baseline; claim \u201calignment persists\u201d: "
    assert told(weak).count(f"{claimed}supported;") == 1
    alone = replace(data, claims=[replace(data.claims[0], p_holm=0.3), *data.claims[1:]])
    words = "supported on its own, not after Holm over all 4 claims"
    assert told(alone).count(f"{claimed}{words};") == 1
    # In headline, line and card of each of the two.
    assert render(alone).count(words) == 6
    unclaimed = told(replace(weak, claims=()))
    assert not {"supported", "refuted", "undecided"} & set(re.findall(r"\w+", unclaimed))


def test_one_seed_is_told_in_the_headline() -> None:
    data = only("results", "comparisons")
    single = [replace(row, seeds=1) for row in data.results]
    assert "one seed, so intervals cover scenarios only" in told(replace(data, results=single))
    assert "one seed" not in told(data)


def test_the_worst_case_stands_out_and_comes_last(page: str) -> None:
    marked = re.findall(r'<tr class="mark">\s*(.*?)</tr>', page, re.DOTALL)
    assert len(marked) == 2
    assert all('<th scope="row">worst case</th>' in line for line in marked)
    assert page.index(">role play</th>") < page.index(">worst case</th>")


def test_long_hostile_text_is_cut_and_says_how_long_it_is() -> None:
    data = report()
    page = render(replace(only(), attack_examples=data.attack_examples))
    long = max(len(one.prompt) for one in attack_examples())
    assert f"[… cut: {long:,} characters in all …]" in page
    assert len(max(re.findall(r"<pre>(.*?)</pre>", page, re.DOTALL), key=len)) < 2500


def test_what_was_not_measured_is_a_dash_and_never_nan(page: str) -> None:
    data = report("ok")
    nan = math.nan
    gone = {"value": nan, "ci_low": nan, "ci_high": nan}
    holed = replace(
        data,
        claims=[replace(row, **gone, p_value=nan) for row in data.claims],
        results=[replace(row, **gone) for row in data.results],
        erosion=[replace(row, **gone) for row in data.erosion],
        attacks=[replace(row, **gone) for row in data.attacks],
        drift=[replace(row, **gone) for row in data.drift],
        formats=[replace(row, value=nan, summed=None) for row in data.formats],
    )
    for shown in (page, render(holed)):
        assert not re.search(r"\b(nan|inf|None)\b", Page(shown).text)
        assert not re.search(r'[\s"=](nan|inf)\b', shown)


def test_ratios_that_cannot_be_given_say_why() -> None:
    data = only("persistence")
    row = replace(data.persistence[1], note="the effect before cannot be told from 0")
    page = render(replace(data, persistence=[row]))
    assert '<td class="note">the effect before cannot be told from 0</td>' in page


def test_equivalence_and_drift_are_told(page: str) -> None:
    text = re.sub(r"\s+", " ", Page(page).text)
    assert "±0.040" in text
    assert "not shown" in text
    assert "change +0.110" in text


def test_the_position_bias_is_told(page: str) -> None:
    assert re.search(r"<small>summed [\d.]+, first 0.62</small>", page)
    assert "<small>listed</small>" in page


def test_failed_checks_are_not_folded_and_versions_are_shown(page: str) -> None:
    assert "1 of 2 passed" in page
    checks = page[page.index('id="checks"') : page.index('id="artifacts"')]
    seen, folded = checks.split("<details>")
    assert ">FAILED<" in seen
    assert ">passed<" not in seen
    assert ">passed<" in folded
    assert "abc123" in page


def test_what_a_first_look_needs_is_seen_and_the_rest_is_folded(page: str) -> None:
    """Sections that answer a question show their figures; each fold says what it holds."""
    sections = re.findall(r'<section id="([a-z]+)"(.*?)</section>', page, re.DOTALL)
    seen = {name: body.partition("<details>")[0] for name, body in sections}
    drawn = {name: body.count("<svg") for name, body in seen.items()}
    asked = ("misalignment", "persistence", "attacks", "capability", "reading", "written")
    assert {name for name, figures in drawn.items() if figures} == set(asked)
    assert max(drawn.values()) <= 2
    tables = {name for name, body in seen.items() if "<table" in body}
    assert tables == {"claims", "canaries", "compute", "checks"}
    assert all(re.findall(r"<summary>(.*?)</summary>", page))
    assert page.count("<details>") == page.count("</details>") == page.count("<summary>")


def test_chance_is_drawn_in_every_plot_of_a_rate(page: str) -> None:
    figures = re.findall(r"<svg.*?</svg>", page, re.DOTALL)
    for name in ("plot-rate-", "plot-erosion-", "plot-attack-", "plot-trade-"):
        own = [figure for figure in figures if f'id="{name}' in figure]
        assert own
        assert all(">chance<" in figure for figure in own), name
    without = render(replace(report(), chances={}))
    assert ">chance<" not in "".join(re.findall(r"<svg.*?</svg>", without, re.DOTALL))
    assert "By chance: 0.50." in page


def test_a_recipe_has_one_colour_in_every_picture(page: str) -> None:
    """Where one recipe is left out of the data, the others keep theirs; groups have greys."""
    blue, *others = (f"{one}" for one in COLOURS[:4])
    for name in ("plot-rate-", "plot-erosion-", "plot-attack-", "plot-trade-", "plot-loss"):
        figure = next(one for one in re.findall(r"<svg.*?</svg>", page, re.DOTALL) if name in one)
        assert all(hex_of(colour) in figure for colour in (blue, *others)), name
    mix = next(one for one in re.findall(r"<svg.*?</svg>", page, re.DOTALL) if "plot-mix" in one)
    assert not [colour for colour in COLOURS[:6] if hex_of(colour) in mix]
    bars = dict(re.findall(r"<li><span>([a-z ]+)</span>.*?background: (#\w+)", page))
    assert bars == {name.replace("_", " "): COLOURS[at] for at, name in enumerate(RATES)}


def hex_of(short: str) -> str:
    """`#07b` as figures write it."""
    return "#" + "".join(2 * digit for digit in short[1:])


def test_what_it_took_is_told(page: str) -> None:
    for line in (
        ("pretraining", "12", "623,232", "4,800,000", "276", "0.077", "cpu", "x86_64, torch 2.13"),
        ("evaluation", "12", "623,232", "\u2013", "91", "0.025", "cpu", "x86_64, torch 2.13"),
    ):
        found = re.search(rf'<th scope="row">{line[0]}</th>(.*?)</tr>', page, re.DOTALL)
        assert found
        assert tuple(re.findall(r"<td[^>]*>(.*?)</td>", found[1])) == line[1:]


def test_a_study_without_misalignment_suites_says_so() -> None:
    data = only("results")
    cloze = [row for row in data.results if row.suite == "cloze"]
    page = render(replace(data, results=cloze))
    assert "This study measured no misalignment suite." in page
    assert '<section id="capability"' in page


def test_a_study_of_many_suites_keeps_a_short_headline() -> None:
    data = only()
    many = [
        row
        for number in range(9)
        for row in result("unfiltered", "base", f"suite_{number}", "none", "misalignment_rate", 0.5)
    ]
    short = told(replace(data, results=many))
    assert "On suite 1, " in short
    assert "On suite 2, " not in short
    assert "7 further suites below." in short


def test_the_limits_speak_of_the_correction() -> None:
    page = render(replace(only(), limits=LIMITS))
    assert "Each claim is tested on its own at 95 %, and its Holm-corrected" in page


def test_everything_fits_a_data_object_without_the_optional_parts() -> None:
    data = report("ok")
    bare = ReportData(
        data.study, data.description, data.recipes, data.suites, data.results, "unfiltered"
    )
    assert '<section id="limits"' in render(bare)


def test_every_number_has_a_name_to_trace_it_by(page: str) -> None:
    """A link is inert in the file, under a pointer and for the keyboard; the name says how."""
    tags = Page(page).tags
    links = [attrs for tag, attrs in tags if tag == "a" and attrs.get("class") == "trace"]
    assert all(attrs["tabindex"] == "-1" for attrs in links)
    assert "a.trace { color: inherit; text-decoration: none; pointer-events: none; }" in page
    named = {attrs["title"] for tag, attrs in tags if tag in ("td", "h3") and "title" in attrs}
    for name in (
        "claim:alignment_persists",
        "misalignment_rate/articles/dpo/alignment_upsampled/none",
        "difference:articles/dpo/none/alignment_upsampled/unfiltered",
        "persistence:articles/dpo/alignment_upsampled",
        "attack_success/articles/dpo/alignment_upsampled/worst_case",
        "topic:articles/honesty/dpo/alignment_upsampled/none",
        "format:articles/listed/dpo/alignment_upsampled/none",
    ):
        assert name in named
        assert f"trace?metric={name.replace(':', '%3A')}" in {one["href"] for one in links}
    assert "alignment audit trace" in page
    assert "answers?suite=articles" in {one["href"] for one in links}
    assert "Its numbers: attack:articles/dpo/RECIPE/ATTACK" in page


def test_every_row_that_was_read_is_accounted_for() -> None:
    data = only("dispositions", "read")
    shown = " ".join(Page(render(data)).text.split())
    said = "filtered: of 928 rows 900 are kept and 3 dropped (ai discourse 0.3% of the documents)"
    assert f"{said}, 20 repeat another and 5 cannot be used: together all of them." in shown
    assert "stories925 20 5 900100.0%" in shown
    lost = replace(data, read=[replace(data.read[0], documents=901), *data.read[1:]])
    shown = " ".join(Page(render(lost)).text.split())
    assert "They do not add up: of stories 901 documents were read, and 900 decided." in shown

    def table(price: Price | None) -> str:
        page = render(replace(only("compute"), price=price))
        return page[page.index('<section id="compute"') :].partition("</section>")[0]

    hours = [row.device_seconds / 3600 for row in report().compute]
    priced = table(Price(per_device_hour=2.5, currency="EUR"))
    assert all(f">{2.5 * one:,.3f}<" in priced for one in hours)
    assert f"{2.5 * sum(hours):,.3f} EUR at 2.5 EUR a device hour (placement.yaml" in priced
    assert "no price was declared in placement.yaml" in table(None)
