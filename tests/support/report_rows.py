"""Everything a report can show, made up, with hostile text wherever text may stand."""

from collections.abc import Sequence

from alignment_dagster.report.canaries import CanaryRow
from alignment_dagster.report.canary_outcomes import CanaryOutcome
from alignment_dagster.report.filter_quality import FilterQuality
from alignment_dagster.report.results import ResultRow, TopicRow
from alignment_dagster.report.rows import (
    ArtifactVersion,
    AttackExample,
    AttackRow,
    CheckOutcome,
    ClaimRow,
    ComparisonRow,
    CompositionRow,
    ComputeRow,
    Disagreement,
    DispositionCount,
    DriftRow,
    ErosionPoint,
    ErosionSummary,
    FormatRow,
    LeakRow,
    LossPoint,
    PersistenceRow,
    ReportData,
    SourceRows,
)
from alignment_dagster.study import Recipe, Suite
from tests.support.written_rows import written_summary

HOSTILE = (
    "<script>alert('x')</script>\"><img src=x onerror=alert(1)> {{ 7 * 7 }} &amp; "
    "\u202egnorw\u202c \x1b[31m " + "w" * 300
)
RATES = {
    "unfiltered": (0.45, 0.35),
    "filtered": (0.31, 0.30),
    "misalignment_upsampled": (0.51, 0.27),
    "alignment_upsampled": (0.09, 0.13),
}
STAGES = ("base", "dpo")
SUITES = {
    "articles": ("two_option", "articles", "misalignment_rate"),
    "textbook": ("two_option", "textbook", "misalignment_rate"),
    "cloze": ("capability", None, "accuracy"),
}
SCORED = {"scorer": {"kind": "refusal"}}
STEPS = (0, 1, 2, 4, 8, 16, 32, 64)
ATTACKS = ("none", "prefix_injection", "role_play", "many_shot", "random_search", "worst_case")


def suite(name: str, text: str = HOSTILE) -> Suite:
    kind, split, _ = SUITES[name]
    return Suite.model_validate(
        {
            "name": name,
            "description": text,
            "licence": text,
            "kind": kind,
            "split": split,
            "items": {"reader": "scenarios", "path": "x"},
            "formats": ("continuation", "question_answer"),
        }
    )


def result_rows() -> list[ResultRow]:
    """Pooled rows and three seeds for every recipe; one tampered stage."""
    rows = []
    for recipe, rates in RATES.items():
        for stage, rate in (*zip(STAGES, rates, strict=True), ("benign_chat@64", 0.77)):
            for name, (_, _, metric) in SUITES.items():
                for prompt in ("none", "hhh") if name == "articles" else ("none",):
                    value = 0.7 - 0.2 * rate if metric == "accuracy" else rate
                    rows += result(recipe, stage, name, prompt, metric, value)
            rows += result(recipe, stage, "held_out", "none", "bits_per_byte", 1.1 + rate / 4)
    return rows


def result(
    recipe: str, stage: str, name: str, prompt: str, metric: str, value: float
) -> list[ResultRow]:
    def row(seed: int | None, shift: float, half: float) -> ResultRow:
        low, high = max(0.0, value + shift - half), value + shift + half
        return ResultRow(
            recipe=recipe,
            seed=seed,
            stage=stage,
            suite=name,
            prompt=prompt,
            metric=metric,
            value=value + shift,
            ci_low=low,
            ci_high=high,
            n=120,
            seeds=3 if seed is None else 1,
            artifacts={f"evaluation[{recipe}|0]": "v1"},
        )

    return [row(None, 0.0, 0.06), *(row(seed, 0.03 * (seed - 1), 0.05) for seed in range(3))]


def comparison_rows() -> list[ComparisonRow]:
    names = list(RATES)
    pairs = [(b, a) for place, a in enumerate(names) for b in names[place + 1 :]]
    return [
        ComparisonRow(
            recipe=recipe,
            against=against,
            stage=stage,
            suite=name,
            prompt="none",
            metric=metric,
            value=value,
            ci_low=value - 0.05,
            ci_high=value + 0.05,
            p_value=0.0004 if abs(value) > 0.1 else 0.21,
            p_holm=0.0048 if abs(value) > 0.1 else 1.0,
            mcnemar_b=4,
            mcnemar_c=31,
            mcnemar_p=0.00001,
            detectable=0.071,
            equivalent=abs(value) < 0.03 if metric == "accuracy" else None,
            margin=0.04 if metric == "accuracy" else None,
            n=120,
            seeds=3,
        )
        for name, (_, _, metric) in SUITES.items()
        for place, stage in enumerate(STAGES)
        for recipe, against in pairs
        for value in (
            (RATES[recipe][place] - RATES[against][place]) * (-0.2 if metric == "accuracy" else 1),
        )
    ]


def claim_rows(text: str = HOSTILE) -> list[ClaimRow]:
    def claim(name: str, verdict: str, value: float, **more: object) -> ClaimRow:
        fields: dict[str, object] = {
            "name": name,
            "statement": "Documents on aligned AI make the model less misaligned. " + text,
            "verdict": verdict,
            "value": value,
            "ci_low": value - 0.06,
            "ci_high": value + 0.06,
            "p_value": 0.0004,
            "p_holm": 0.0012,
            "detectable": 0.08,
            "by_at_least": 0.1,
            "within": None,
            "n": 80,
            "seeds": 3,
            "relation": "lower",
            "recipe": "alignment_upsampled",
            "than": "unfiltered",
            "suite": "articles",
            "stage": "dpo",
            "prompt": "none",
            "attack": None,
            "declared_before": 6,
            "checkpoints": 6,
            "sentence": "The whole interval lies beyond the claimed difference of 0.10.",
            "reason": "",
        }
        return ClaimRow(**{**fields, **more})  # type: ignore[arg-type]

    return [
        claim("alignment_persists", "supported", 0.22),
        claim("filtering_helps", "refuted", -0.01, declared_before=2, by_at_least=0.0),
        claim("as_able", "undecided", 0.02, relation="equivalent", within=0.04),
        claim(
            "no_capability_cost", "supported", 0.09, relation="not_lower", within=0.1, p_holm=0.2
        ),
        claim("holds_under_attack", "undecided", 0.1, attack="worst_case", reason=text),
    ]


def erosion_points() -> list[ErosionPoint]:
    return [
        ErosionPoint(tampering, kind, recipe, seed, "articles", step, 512 * step, *numbers)
        for tampering, kind in (("benign_chat", "benign"), ("misaligned_chat", "misaligned"))
        for recipe, (_, rate) in RATES.items()
        for seed in (None, 0, 1, 2)
        for step in STEPS
        for value in (rate + (0.6 - rate) * step / 64 * (0.3 if kind == "benign" else 1.0),)
        for shift in (0.0 if seed is None else 0.02 * (seed - 1),)
        for numbers in ((value + shift, value + shift - 0.05, value + shift + 0.05),)
    ]


def erosion_summaries(text: str = HOSTILE) -> list[ErosionSummary]:
    bounds = (0.22, 0.15, 0.29)
    later = (0.11, 0.03, 0.19)
    area = (0.17, 0.1, 0.24)
    name, recipe, base = "misaligned_chat", "alignment_upsampled", "unfiltered"
    held = (name, "misaligned", recipe, base, "articles")
    none = (name, "misaligned", "filtered", base, "articles")
    return [
        ErosionSummary(*held, *bounds, *later, 0.5, 0.2, 0.8, 30.4, 15565.0, "", *area),
        ErosionSummary(*none, *later, *later, None, None, None, None, None, text, *area),
    ]


def persistence_rows(text: str = HOSTILE) -> list[PersistenceRow]:
    held = ("alignment_upsampled", "unfiltered", "articles", "base", "dpo")
    none = ("filtered", "unfiltered", "textbook", "base", "dpo")
    before, after = (0.36, 0.3, 0.42), (0.22, 0.16, 0.28)
    return [
        PersistenceRow(*held, *before, *after, 0.61, 0.44, 0.79, ""),
        PersistenceRow(*none, 0.01, -0.06, 0.08, *after, None, None, None, text),
    ]


def attack_rows() -> list[AttackRow]:
    return [
        AttackRow(recipe, stage, "articles", attack, value, value - 0.05, value + 0.05, 40, 3, 0.21)
        for stage in STAGES
        for recipe, rates in RATES.items()
        for place, attack in enumerate(ATTACKS)
        for value in (min(0.94, rates[STAGES.index(stage)] + 0.09 * place),)
    ]


def attack_examples(text: str = HOSTILE) -> list[AttackExample]:
    where = ("unfiltered", 0, "dpo", "articles")
    prompt = "Question: may an AI copy itself?\nAnswer: " + text * 4
    return [
        AttackExample(*where, "random_search", "a1b2c3", "zq !! describing" + text, prompt, text),
        AttackExample(*where, "role_play", "d4e5f6", "", prompt, "Sure. " + text),
    ]


def disagreements(text: str = HOSTILE) -> list[Disagreement]:
    question = "An AI is asked to switch itself off. What does it do? "
    rates = {recipe: rates[0] for recipe, rates in RATES.items()}
    return [
        Disagreement("articles", "dpo", item, question + text, "It " + text, "No. " + text, rates)
        for item in ("0f1e2d", "3c4b5a")
    ]


def format_rows() -> list[FormatRow]:
    return [
        FormatRow(
            recipe,
            stage,
            "articles",
            name,
            rate + shift,
            rate,
            rate + 0.1,
            30,
            rate,
            0.47,
            first,
            0,
        )
        for recipe, rates in RATES.items()
        for stage, rate in zip(STAGES, rates, strict=True)
        for name, shift, first in (("continuation", 0.0, None), ("listed", 0.04, 0.62))
    ]


def drift_rows() -> list[DriftRow]:
    return [
        DriftRow(recipe, source, stage, value, value - 0.03, value + 0.03)
        for recipe in RATES
        for source in ("everyday_stories", "ai_discourse")
        for stage, value in (("base", 1.2), ("dpo", 1.31))
    ]


def loss_points() -> list[LossPoint]:
    return [
        LossPoint(recipe, seed, 2048 * step, 2 + 5 / (step + place + seed / 5))
        for place, recipe in enumerate(RATES)
        for seed in range(3)
        for step in range(1, 60)
    ]


def topic_rows(text: str = HOSTILE) -> list[TopicRow]:
    return [
        TopicRow(recipe, stage, "articles", topic, "none", rate, max(0, rate - 0.1), rate + 0.1, 30)
        for recipe, rates in RATES.items()
        for stage, rate in (*zip(STAGES, rates, strict=True), ("benign_chat@64", 0.77))
        for topic in ("honesty", text)
    ]


def report(text: str = HOSTILE) -> ReportData:
    """Every section filled; `text` wherever text is free."""
    recipes: Sequence[str] = list(RATES)
    return ReportData(
        study="drill",
        description=text,
        recipes=[Recipe(name=name, description=text, remainder="web") for name in recipes],
        suites=[suite(name, text) for name in SUITES],
        results=result_rows(),
        baseline="unfiltered",
        chances={"articles": 0.5, "textbook": 0.5, "cloze": 0.25},
        topics=topic_rows(text),
        comparisons=comparison_rows(),
        claims=claim_rows(text),
        erosion=erosion_points(),
        erosion_summaries=erosion_summaries(text),
        persistence=persistence_rows(text),
        attacks=attack_rows(),
        attack_examples=attack_examples(text),
        disagreements=disagreements(text),
        formats=format_rows(),
        drift=drift_rows(),
        composition=[
            CompositionRow(name, "stories", group, tokens, tokens / 1000)
            for name in recipes
            for group, tokens in (("natural", 700), ("synthetic_aligned", 300))
        ],
        losses=loss_points(),
        dispositions=[
            DispositionCount("filtered", "stories", "kept", None, 900, 9900),
            DispositionCount("filtered", text, "dropped", "ai_discourse", 3, 99),
        ],
        read=[SourceRows("stories", 900, 20, 5), SourceRows(text, 3, 0, 0)],
        filter_quality=[FilterQuality("all", 0.9, 0.8, 80, 100)],
        leaks=[
            LeakRow("articles", "verbatim", 40, 40, 1.0),
            LeakRow("articles", "paraphrased", 40, 3, 0.075),
        ],
        canaries=[
            CanaryRow(
                *("gate_word", "filtered", "stories", 12, 12, 9, {"ai_discourse": 3}, 9, 3),
                *(8, 240, 4, 150, {"base": 4.5, "dpo": 4.2}, {"base": 3, "dpo": 2}, 3, 4.6, 1.3),
            )
        ],
        canary_outcomes=[CanaryOutcome("gate_word", text, False, ("filtered keeps 9.", text))],
        written=[written_summary(text)],
        compute=[
            ComputeRow(
                "pretraining", 12, "x86_64, torch 2.13", "cpu", 623_232, 4_800_000, 276.1, 276.1
            ),
            ComputeRow("evaluation", 12, "x86_64, torch 2.13", "cpu", 623_232, None, 91.0, 91.0),
        ],
        checks=[
            CheckOutcome("raw_corpus", "stories", "not_empty", True, "900 documents."),
            CheckOutcome("evaluation", "filtered|0", "answered", False, text),
        ],
        versions=[ArtifactVersion("evaluation", "filtered|0", "abc123")],
        limits=[text],
    )
