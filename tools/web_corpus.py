"""Writes what the study `web` reads: `python tools/web_corpus.py FOLDER`.

ALIGNMENT_DATA then names the folder. A dataset as hubs lay it out, `web/pages` in the folder:
Parquet files whose rows have a text and what a crawl says of it. The texts are templates; what is
wrong with each page is known, so that what a study's rules make of it can be held against it. Equal
arguments give equal rows.
"""

import argparse
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from alignment_dagster.corpus.generators import GENERATORS
from alignment_dagster.corpus.generators.document import Draw

DATASET = Path("web", "pages")
PAGES, FILES = 3000, 3
SEED = 23
"""Other than those of the shipped sources: no page repeats one of their documents."""
STORIES = 3
"""Of a page: so many that no two pages are alike by chance."""
KINDS = {
    "page": 62, "near": 5, "copy": 4, "respaced": 3, "foreign": 6, "mislabelled": 2, "unsure": 2,
    "menu": 4, "repeated": 2, "short": 2, "ai": 4, "ai_lesson": 2, "contact": 1, "secret": 1,
}  # fmt: skip
"""Kind of page → its percentage."""
EMPTY = 2
"""Rows without a text, at the end."""
DUMPS = ("CC-MAIN-2024-10", "CC-MAIN-2024-42", "CC-MAIN-2025-05")
SITES = ("harbour-news", "old-mill", "village-post", "evening-reader", "town-library")
MENU = (
    "Home | About | Contact", "> Next >> Last", "{ Login } / { Sign up }", "*** 24/7 ***",
    "[1] [2] [3] [4] [5]", "© 2024 :: All rights", "-- 10% off --", "# tags #", "<< 1 2 3 >>",
)  # fmt: skip
OTHER_LANGUAGES = {
    "de": (
        "Der Fährmann wartete am Morgen auf die ersten Gäste und sah über den stillen Fluss.",
        "Seine Tochter brachte ihm Brot, Käse und eine Kanne mit heißem Tee.",
        "Am Nachmittag kamen die Händler vom Markt zurück und erzählten von den Preisen.",
        "Niemand wusste, warum die alte Brücke noch immer nicht gebaut worden war.",
        "Als es dunkel wurde, zündete er die Laterne an und schloss das kleine Haus ab.",
        "In der Nacht hörte man nur den Regen und manchmal einen Hund im Dorf.",
        "Der Lehrer schrieb alles in ein Heft, das später im Rathaus gefunden wurde.",
    ),
    "fr": (
        "Le boulanger ouvrait sa boutique avant le lever du soleil, même pendant l'hiver.",
        "Les enfants de l'école passaient chercher du pain chaud pour leurs parents.",
        "Un jour, une lettre arriva de la ville, et personne n'osa d'abord la lire.",
        "Elle annonçait que le vieux moulin serait vendu avant la fin du mois.",
        "Le maire réunit tous les habitants dans la grande salle pour en parler.",
        "Après beaucoup de discussions, ils décidèrent de l'acheter ensemble.",
        "Depuis ce temps, chacun y travaille une journée par semaine.",
    ),
    "es": (
        "La bibliotecaria guardaba los libros más antiguos en una sala sin ventanas.",
        "Cada viernes llegaba un señor que preguntaba siempre por el mismo mapa.",
        "Nadie sabía de dónde venía ni por qué le interesaba tanto aquella isla.",
        "Una tarde de lluvia decidió contarle la historia de su abuelo marinero.",
        "El mapa mostraba un puerto pequeño que ya no aparece en ninguna carta.",
        "Juntos escribieron a la universidad, y la respuesta tardó varios meses.",
        "Desde entonces los estudiantes visitan la sala todos los años.",
    ),
}
KEY = "ghp_{}"
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
SCHEMA = pa.schema(
    [
        ("text", pa.string()),
        ("id", pa.string()),
        ("dump", pa.string()),
        ("url", pa.string()),
        ("date", pa.string()),
        ("file_path", pa.string()),
        ("language", pa.string()),
        ("language_score", pa.float64()),
        ("token_count", pa.int64()),
        ("score", pa.float64()),
        ("int_score", pa.int64()),
    ]
)
CARD = """\
---
license: cc0-1.0
configs:
- config_name: default
  data_files:
  - split: train
    path: data/train-*.parquet
---
Templated pages with known faults, for the study `web`.
"""


@dataclass(frozen=True)
class Page:
    """A row, what is wrong with it, and the page that it repeats or resembles."""

    kind: str
    text: str | None
    language: str = "en"
    language_score: float = 0.97
    education: float = 2.0
    original: int | None = None
    """Its number among all pages."""


def pages(count: int = PAGES) -> Iterator[Page]:
    """The pages in order; more of them begin with the same ones, but for the empty rows."""
    stories = (one.text for one in GENERATORS["everyday_stories"](STORIES * count, SEED))
    discourse = (one.text for one in GENERATORS["ai_discourse"](count, SEED))
    draw, kinds = Draw("web_pages", SEED), [kind for kind, n in KINDS.items() for _ in range(n)]
    plain: list[tuple[int, str]] = []
    for number in range(count - EMPTY):
        kind = draw.one(kinds) if plain else "page"
        text = "\n\n".join(islice(stories, STORIES))
        if kind in ("near", "copy", "respaced"):
            yield _again(kind, *draw.one(plain), draw)
            continue
        if kind == "page":
            plain.append((number, text))
        yield _page(kind, text, next(discourse), draw)
    yield from [Page("empty", None)] * EMPTY


def _again(kind: str, original: int, text: str, draw: Draw) -> Page:
    if kind == "near":
        text = f"{text} Read {1 + draw.below(10_000)} times."
    elif kind == "respaced":
        text = text.replace(". ", ".  ") + "\n"
    return Page(kind, text, original=original)


def _page(kind: str, story: str, about_ai: str, draw: Draw) -> Page:
    page = Page(kind, story, education=round(1.5 + draw.below(20) / 10, 1))
    if kind in ("foreign", "mislabelled"):
        language = draw.one(list(OTHER_LANGUAGES))
        text = " ".join(draw.several(OTHER_LANGUAGES[language], 4)) + f" {1900 + draw.below(125)}."
        if kind == "foreign":
            return replace(page, text=text, language=language)
        return replace(page, text=text, language_score=0.41)
    if kind == "unsure":
        return replace(page, language_score=0.52)
    if kind == "menu":
        lines = [f"{draw.one(MENU)} {draw.below(1000)}" for _ in range(24)]
        return replace(page, text="\n".join(lines))
    if kind == "repeated":
        # the same line after every sentence, as where a banner was taken for text
        banner = f"Subscribe to letter number {draw.below(10_000)} of the paper and never miss it."
        return replace(page, text=f"\n{banner}\n".join(story.split(". ")))
    if kind == "short":
        return replace(page, text=" ".join(story.split()[:12]) + "?")
    if kind in ("ai", "ai_lesson"):
        lesson = kind == "ai_lesson"
        return replace(page, text=f"{about_ai}\n\n{story}", education=4.2 if lesson else 1.2)
    if kind == "contact":
        return replace(page, text=f"{story}\n\n{_contact(draw)}")
    if kind == "secret":
        key = KEY.format("".join(draw.one(ALPHABET) for _ in range(36)))
        return replace(page, text=f"{story}\n\nThe key of the page is {key} at the moment.")
    return page


def _contact(draw: Draw) -> str:
    # 030 23125 is kept free for films: these numbers are nobody's
    mail = f"editor@{draw.one(SITES)}-{draw.below(1_000_000)}.org"
    return f"Write to {mail}, or ring +49 30 23125{draw.below(1000):03} in the evening."


def rows(found: Sequence[Page]) -> pa.Table:
    """The pages as a hub's table has them: what is wrong with each is not in it."""
    table = []
    for number, page in enumerate(found):
        identity = uuid.uuid5(uuid.NAMESPACE_URL, f"web/{number}")
        dump = DUMPS[number % len(DUMPS)]
        table.append(
            {
                "text": page.text,
                "id": f"<urn:uuid:{identity}>",
                "dump": dump,
                "url": f"https://{SITES[number % len(SITES)]}.example/{identity.hex[:12]}",
                "date": f"{dump[8:12]}-{1 + number % 12:02}-{1 + number % 28:02}T00:00:00Z",
                "file_path": f"s3://crawl/{dump}/segments/{number // 100:05}.warc.gz",
                "language": page.language,
                "language_score": page.language_score,
                "token_count": len((page.text or "").split()),
                "score": page.education,
                "int_score": round(page.education),
            }
        )
    return pa.Table.from_pylist(table, schema=SCHEMA)


def write(folder: Path, count: int = PAGES) -> list[Page]:
    """Write the dataset below a folder, and tell what is wrong with its pages.

    Args:
        folder: what ALIGNMENT_DATA then names.
        count: rows of all files together.
    """
    found = list(pages(count))
    table, dataset = rows(found), folder / DATASET
    (dataset / "data").mkdir(parents=True, exist_ok=True)
    (dataset / "README.md").write_text(CARD, encoding="utf-8")
    size = -(-count // FILES)
    for number in range(FILES):
        name = f"train-{number:05}-of-{FILES:05}.parquet"
        part = table.slice(number * size, size)
        pq.write_table(part, dataset / "data" / name, row_group_size=1000, compression="zstd")
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Write what the study `web` reads.")
    parser.add_argument("folder", type=Path, help="what ALIGNMENT_DATA then names")
    parser.add_argument("--pages", type=int, default=PAGES, help="rows of the dataset")
    asked = parser.parse_args()
    made = write(asked.folder, asked.pages)
    print(f"{len(made):,} pages in {asked.folder / DATASET}")
