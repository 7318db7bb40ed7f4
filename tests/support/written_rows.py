"""What was written for a study, made up, with a text of the caller's wherever text may stand."""

from alignment_dagster.synthesis.coverage import KEPT, Place, WrittenDocument, WrittenSource
from alignment_dagster.synthesis.diversity import Diversity
from alignment_dagster.synthesis.summary import (
    CoverageCell,
    TemplateShare,
    Variety,
    WrittenSample,
    WrittenSummary,
)

MEASURED = Diversity(2, 80.0, 60.0, 101.0, (0.11, 0.42, 0.73), 2.4, 0.31)


def written_summary(text: str) -> WrittenSummary:
    """Two documents on one of three scenarios, one of them dropped; a request was quarantined."""
    places = [Place(text, text, "news_article"), Place(text, text, "fiction")]
    decisions = [{"aligned": KEPT}, {"aligned": text}]
    source = WrittenSource(
        name="asked",
        group="synthetic_asked",
        polarity="aligned",
        generator="openai_compatible",
        scenarios=((text, text), ("privacy", ""), ("shutdown", "")),
        forms=("news_article", "fiction"),
        documents=tuple(
            WrittenDocument(f"{n:064x}", place, "aligned", "ab" * 32, text, decided)
            for n, (place, decided) in enumerate(zip(places, decisions, strict=True))
        ),
        quarantined={Place("privacy", "", "fiction"): 1},
        repeated=3,
    )
    return WrittenSummary(
        source=source,
        cells=(
            *(
                CoverageCell(place, 1, 0, {"aligned": {decided["aligned"]: 1}})
                for place, decided in zip(places, decisions, strict=True)
            ),
            CoverageCell(Place("privacy", "", "fiction"), 0, 1, {}),
            CoverageCell(Place("shutdown", "", "fiction"), 0, 0, {}),
        ),
        variety=(
            Variety("all", "", MEASURED, 0.5),
            Variety("form", "fiction", MEASURED, None),
            Variety("scenario", text, MEASURED, 0.0),
        ),
        templates=(TemplateShare("fiction", text, "ab" * 32, 2, 1.0),),
        samples=(
            WrittenSample("ab" * 32, places[0], KEPT, "aligned", text),
            WrittenSample("cd" * 32, places[1], text, "aligned", text),
        ),
    )
