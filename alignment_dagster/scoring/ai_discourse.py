"""`ai_discourse`: whether a text speaks of AI systems, by two stages of word lists.

*Instant* terms (names of laboratories, organisations and fictional machines, technical words)
flag a text by themselves. *Entity* words, which also have other meanings, flag it only together
with a negative or an existential-risk word no more than `WINDOW` words away. The published filter
looks for the second word anywhere in the text; in passages of a thousand words of any novel one
is nearly always found, so nearness is asked for here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from alignment_dagster.foundation.digests import sha256_json
from alignment_dagster.foundation.errors import DeclarationError
from alignment_dagster.foundation.yaml_models import shown
from alignment_dagster.scoring.lexicon import Lexicon, Match, read_terms, terms_digest
from alignment_dagster.scoring.normalise import normalise
from alignment_dagster.scoring.scorer import ScoreBatch, Scorer, ScoringContext

FOLDER = Path("lexicons") / "ai_discourse"
INSTANT = (
    "instant_fictional_agents",
    "instant_organisations",
    "instant_labs",
    "instant_vocabulary",
)
ENTITIES = ("entities",)
NEGATIVE = ("negative_verbs", "negative_adjectives", "negative_nouns", "existential_risk")
WINDOW = 24
"""Words from an entity in which a negative word counts. Measured with the shipped lists: 0.5 % of
17,067 passages of old books are flagged (1.7 % if anywhere in the text would do), and 94 % of 542
documents of sources on AI (95 %)."""

COLUMNS = {
    "flagged": pa.bool_(),
    "instant_hits": pa.int64(),
    "entity_hits": pa.int64(),
    "negative_hits": pa.int64(),
    "first_term": pa.string(),
    "terms": pa.list_(pa.string()),
}


@dataclass(frozen=True)
class Filter:
    """The three lexicons of the filter."""

    instant: Lexicon
    entities: Lexicon
    negative: Lexicon

    @classmethod
    def read(cls, assets: Path) -> "Filter":
        """Read the lists; all of them must be there, and no others.

        Raises:
            DeclarationError: names the file and the line.
        """
        _refuse_unknown_lists(assets / FOLDER)
        return cls(*(_read_lexicon(assets, names) for names in (INSTANT, ENTITIES, NEGATIVE)))

    def score_text(self, text: str) -> dict[str, bool | int | str | list[str] | None]:
        """The scorer's columns for one text.

        `negative_hits` counts the entities that have a negative word near them. `terms` names
        every instant term and every such pair (`robot + destroy`) that was hit, once each, and
        `first_term` the first of them.
        """
        words = normalise(text)
        instant = list(self.instant.matches(words))
        entities = list(self.entities.matches(words))
        pairs = [pair for entity in entities if (pair := self._pair(entity, words))]
        terms = list(dict.fromkeys([*(match.term.written for match in instant), *pairs]))
        return {
            "flagged": bool(instant or pairs),
            "instant_hits": len(instant),
            "entity_hits": len(entities),
            "negative_hits": len(pairs),
            "first_term": terms[0] if terms else None,
            "terms": terms,
        }

    def _pair(self, entity: Match, words: Sequence[str]) -> str | None:
        before = words[max(0, entity.start - WINDOW) : entity.start]
        after = words[entity.end : entity.end + WINDOW]
        for side in (after, before):
            for negative in self.negative.matches(side):
                return f"{entity.term.written} + {negative.term.written}"
        return None


def _read_lexicon(assets: Path, names: Sequence[str]) -> Lexicon:
    return Lexicon(term for name in names for term in read_terms(assets / FOLDER / f"{name}.txt"))


def _refuse_unknown_lists(folder: Path) -> None:
    known = {*INSTANT, *ENTITIES, *NEGATIVE}
    for path in sorted(folder.glob("*.txt")):
        if path.stem not in known:
            message = f"the filter has no list of this name (known: {', '.join(sorted(known))})"
            raise DeclarationError(f"{shown(path)}: {message}")


def _bind(context: ScoringContext) -> ScoreBatch:
    found = Filter.read(context.assets)
    schema = pa.schema(list(COLUMNS.items()))
    return lambda texts: pa.Table.from_pylist(
        [found.score_text(text) for text in texts], schema=schema
    )


def _read_digest(context: ScoringContext) -> str:
    Filter.read(context.assets)
    lists = sorted((context.assets / FOLDER).glob("*.txt"))
    return sha256_json([(path.name, terms_digest(path)) for path in lists])


SCORER = Scorer("ai_discourse", "3", COLUMNS, _bind, _read_digest)
