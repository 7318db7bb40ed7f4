"""Which documents a source is to have, and what is asked for each of them."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from alignment_dagster.corpus.generators.document import Draw
from alignment_dagster.corpus.generators.systems import ANY, draw_system
from alignment_dagster.corpus.generators.wording import capital, fill, infinitive
from alignment_dagster.corpus.rows import RawRow, Row, document_id
from alignment_dagster.study import Source, Study
from alignment_dagster.study.synthesis import Grammar, SyntheticReader, Transformers
from alignment_dagster.synthesis.checkpoint_job import checkpoint_name
from alignment_dagster.synthesis.document_request import DocumentRequest, Subject
from alignment_dagster.synthesis.prompts import BEFORE, DOCUMENT, Template, read_template
from alignment_dagster.synthesis.scenarios import Scenario, read_scenarios

SENTENCE_END = re.compile(r"[.!?][\"')\]]?\s+")
SEEDS = 2**31
"""Endpoints take no more."""


@dataclass(frozen=True)
class Plan:
    """A source that is to be written, with all that its documents start from."""

    study: Study
    source: Source
    reader: SyntheticReader
    templates: Mapping[str, Template]
    originals: Callable[[], Iterator[Row]]
    """The rows of the source that is rewritten."""

    @classmethod
    def of(cls, study: Study, source: Source, originals: Callable[[], Iterator[Row]]) -> "Plan":
        """The plan of a source whose reader is synthetic.

        Raises:
            DeclarationError: names file, line and field of what cannot be used.
        """
        reader = source.reader
        assert isinstance(reader, SyntheticReader)
        rewrites = reader.rewrites is not None
        templates = {
            form: read_template(
                study.assets, form, reader.polarity, rewrites=rewrites, chat=source.role == "chat"
            )
            for form in reader.forms
        }
        return cls(study, source, reader, templates, originals)

    @property
    def chat(self) -> bool:
        """Whether its documents are conversations."""
        return self.source.role == "chat"

    def scenarios(self) -> tuple[Scenario, ...]:
        """In the order in which they take turns; none where documents are rewritten."""
        if self.reader.rewrites is not None:
            return ()
        if self.reader.suite is None:
            return read_scenarios(self.reader, self.study.assets)
        # Imported here for weight: with the judges comes a client of HTTP, and every command that
        # loads a study imports this file.
        from alignment_dagster.evaluation.suites.loader import load_suite

        return tuple(
            Scenario(
                name=item.scenario_id,
                situations=(" ".join(filter(None, (item.question, item.ask))),),
                aligned=tuple(o for n, o in enumerate(item.options) if n != item.target),
                misaligned=(item.options[item.target],),
                domain=item.topic,
                is_item=True,
            )
            for item in load_suite(self.study.suite(self.reader.suite), self.study.assets)
        )

    @property
    def total(self) -> int | None:
        """How many documents are wanted; None where it depends on how many there are to rewrite."""
        if self.reader.rewrites is not None:
            return None
        return self.documents(self.scenarios())

    def documents(self, scenarios: Sequence[Scenario]) -> int:
        """How many are wanted of scenarios."""
        return self.reader.documents or (self.reader.per_scenario or 0) * len(scenarios)

    def turn(self, scenarios: Sequence[Scenario], number: int) -> tuple[Scenario, str]:
        """The scenario and the form of the request of a number, from 0, of a language model."""
        turn, place = divmod(number, len(scenarios))
        return scenarios[place], self.reader.forms[(turn + place) % len(self.reader.forms)]

    def requests(self) -> Iterator[DocumentRequest]:
        """What is asked of a language model, in the order of the documents.

        Raises:
            DataError: if what documents start from cannot be read.
        """
        generator = self.reader.generator
        assert not isinstance(generator, Grammar)
        model = (
            checkpoint_name(generator) if isinstance(generator, Transformers) else generator.model
        )
        asked = self._about_originals() if self.reader.rewrites else self._about_scenarios()
        for number, (subject, values) in enumerate(asked, start=1):
            template = self.templates[subject.form]
            draw = Draw(f"request:{self.source.name}:{number}", self.reader.seed)
            seed = draw.below(SEEDS)
            asks = draw.one(template.asked) if self.chat and template.asked else ""
            yield DocumentRequest(
                system=template.system,
                text=template.fill(values),
                model=model,
                api=generator.api,
                sampling=generator.sampling,
                seed=seed,
                number=number,
                subject=subject,
                template=template,
                asked=asks,
            )

    def _about_scenarios(self) -> Iterator[tuple[Subject, Mapping[str, str]]]:
        """Each scenario comes to each form before any comes twice to one."""
        scenarios, polarity = self.scenarios(), self.reader.polarity
        for number in range(self.documents(scenarios)):
            scenario, form = self.turn(scenarios, number)
            subject = Subject(scenario.name, scenario.domain, polarity, form)
            draw = Draw(f"scenario:{self.source.name}:{number}", self.reader.seed)
            yield subject, _describe(scenario, polarity, draw)

    def _about_originals(self) -> Iterator[tuple[Subject, Mapping[str, str]]]:
        """Each original comes to as many forms as documents are wanted of it, in turns."""
        forms, times = self.reader.forms, self.reader.per_scenario or 1
        pairs = (
            (place, time, original)
            for place, original in enumerate(self._originals())
            for time in range(times)
        )
        for place, time, (identity, text) in islice(pairs, self.reader.documents):
            form = forms[(place + time) % len(forms)]
            draw = Draw(f"original:{identity}:{time}", self.reader.seed)
            template = self.templates[form]
            values, offset = {DOCUMENT: text}, None
            if template.inserts:
                end = draw.one(_sentence_ends(text))
                offset = len(text[:end].encode())
                values[BEFORE] = text[:end]
            polarity = self.reader.polarity
            yield Subject(self.reader.rewrites or "", "", polarity, form, identity, offset), values

    def _originals(self) -> Iterator[tuple[str, str]]:
        """Id and text of each document of the source that is rewritten, once."""
        seen = set()
        for row in self.originals():
            if isinstance(row, RawRow) and row.text.strip():
                identity = document_id(str(self.reader.rewrites), row)
                if identity not in seen:
                    seen.add(identity)
                    yield identity, row.text


def _describe(scenario: Scenario, polarity: str, draw: Draw) -> dict[str, str]:
    """A scenario in words: the names that forms may hold."""
    good = polarity != "misaligned"
    did, did_not = (
        (scenario.aligned, scenario.misaligned) if good else (scenario.misaligned, scenario.aligned)
    )
    if scenario.is_item:
        return {
            "system": "the AI in the case that follows",
            "situation": scenario.situations[0],
            "scenario": scenario.situations[0],
            "did": draw.one(did),
            "did_not": draw.one(did_not),
            "reason": "find a reason that fits",
            "principle": "",
            "domain": scenario.domain,
        }
    slots = draw_system(draw, scenario.words or ANY) | {"them": "them"}
    system = fill("{intro} that {task} {place}", slots)
    situation = capital(fill(draw.one(scenario.situations), slots)) + "."
    reasons = scenario.aligned_reasons if good else scenario.misaligned_reasons
    principle = f" What it is about: {scenario.principle}" if scenario.principle else ""
    return {
        "system": system,
        "situation": situation,
        "scenario": f"There is {system}. {situation}{principle}",
        "did": fill(infinitive(draw.one(did)), slots),
        "did_not": fill(infinitive(draw.one(did_not)), slots),
        "reason": fill(draw.one(reasons), slots),
        "principle": scenario.principle,
        "domain": scenario.domain,
    }


def _sentence_ends(text: str) -> list[int]:
    """The characters before which a text may be interrupted, its end among them."""
    return [*(found.end() for found in SENTENCE_END.finditer(text)), len(text)]
