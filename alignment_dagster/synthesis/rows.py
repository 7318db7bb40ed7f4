"""The rows of a source that is written: its documents, and the requests that none came of."""

import re
from collections.abc import Iterator, Mapping
from typing import Protocol

from alignment_dagster.corpus.generators.version import CODE_VERSION
from alignment_dagster.corpus.rows import (
    Content,
    Message,
    Metadata,
    Prompt,
    QuarantinedRow,
    RawRow,
    Row,
    make_conversation,
    quarantine,
)
from alignment_dagster.corpus.sources import Tally, finish_rows, read_source, source_folder
from alignment_dagster.corpus.written import written_path
from alignment_dagster.foundation.digests import sha256_text
from alignment_dagster.language_models.answer import Answer, find_fault
from alignment_dagster.language_models.request import prompt_digest
from alignment_dagster.study import Source, Study
from alignment_dagster.study.synthesis import (
    Grammar,
    OpenAICompatible,
    SyntheticReader,
    WrittenColumn,
)
from alignment_dagster.synthesis.document_request import DocumentRequest, Subject
from alignment_dagster.synthesis.generators.grammar import write_documents, write_questions
from alignment_dagster.synthesis.plan import Plan
from alignment_dagster.synthesis.prompts import Template

TURN = re.compile(r"^(User|Assistant):[ \t]*", re.MULTILINE)
NOT_ASKED = "no answer was received"


class Answers(Protocol):
    """Where answers are found."""

    def get(self, digest: str) -> Answer | None:
        """By the digest of the request."""


class NoAnswers:
    """Where nothing was asked."""

    def get(self, _digest: str) -> Answer | None:
        """None."""
        return None


def make_plan(study: Study, source: Source, answers: Answers) -> Plan:
    """What is to be written for a source whose reader is synthetic.

    Raises:
        DeclarationError: names file, line and field of what cannot be used.
    """
    reader = source.reader
    assert isinstance(reader, SyntheticReader)
    return Plan.of(
        study, source, lambda: read_rows(study, study.source(str(reader.rewrites)), answers, {})
    )


def read_rows(
    study: Study,
    source: Source,
    answers: Answers,
    failures: Mapping[str, str],
    tally: Tally | None = None,
) -> Iterator[Row]:
    """The rows of any source, in their order.

    Args:
        answers: of the requests, where a model writes.
        failures: digest of a request → why it has no answer.
        tally: counts what the declaration leaves out.

    Raises:
        DataError: as `read_source`.
    """
    if not isinstance(source.reader, SyntheticReader):
        return read_source(source, source_folder(study, source), tally=tally)
    plan = make_plan(study, source, answers)
    rows: Iterator[Row] = (
        _grammar_rows(plan)
        if isinstance(source.reader.generator, Grammar)
        else _answered_rows(plan, answers, failures)
    )
    return finish_rows(source, rows, tally or Tally())


def _grammar_rows(plan: Plan) -> Iterator[RawRow]:
    reader, scenarios = plan.reader, plan.scenarios()
    count = plan.documents(scenarios)
    written = write_documents(scenarios, reader.forms, reader.polarity, count, reader.seed)
    asked = plan.templates[reader.forms[0]].asked
    questions = write_questions(reader.polarity, asked, count, reader.seed) if plan.chat else None
    place = written_path(reader)
    for number, (subject, text) in enumerate(written, start=1):
        named = filter(None, (subject.form, subject.polarity, subject.scenario, subject.domain))
        told = ", ".join(named)
        prompt = Prompt(
            sha256=prompt_digest("grammar", told),
            template=sha256_text("grammar", CODE_VERSION, subject.form),
            form=subject.form,
            version=f"grammar {CODE_VERSION}",
            system="grammar",
            text=told,
        )
        content = Content(text)
        if questions is not None:
            content = _answer(next(questions), text)
        metadata = _about(subject, prompt, "grammar")
        yield RawRow(content.text, content.payload, None, place, number, metadata, prompt)


def _answered_rows(
    plan: Plan, answers: Answers, failures: Mapping[str, str]
) -> Iterator[RawRow | QuarantinedRow]:
    reader, place = plan.reader, written_path(plan.reader)
    assert not isinstance(reader.generator, Grammar)
    for request in plan.requests():
        answer = answers.get(request.digest)
        if answer is None:
            reason = failures.get(request.digest, NOT_ASKED)
            yield quarantine(place, request.number, reason, request.text.encode())
            continue
        raw = answer.text.encode("utf-8", "surrogatepass")
        fault = find_fault(answer, reader.generator)
        content = None if fault else _content(plan, request, answer.text)
        if content is None:
            reason = fault or "is no dialogue: lines of User: and Assistant:, in turns"
            yield quarantine(place, request.number, reason, raw)
            continue
        prompt = _prompt(request.template, request)
        metadata = {
            **_about(request.subject, prompt, reader.generator.kind),
            **_asked_and_answered(plan, request, answer),
        }
        yield RawRow(content.text, content.payload, None, place, request.number, metadata, prompt)


def _content(plan: Plan, request: DocumentRequest, text: str) -> Content | None:
    """What an answer says; None where a dialogue was asked for, and it is none."""
    text = text.strip()
    if not plan.chat:
        is_other = request.template.answer == "dialogue" and _dialogue(text) is None
        return None if is_other else Content(text)
    if request.template.answer == "text":
        return _answer(request.asked, text)
    messages = _dialogue(text)
    return None if messages is None else make_conversation(messages)


def _answer(question: str, text: str) -> Content:
    return make_conversation(
        [{"role": "user", "content": question}, {"role": "assistant", "content": text}]
    )


def _dialogue(text: str) -> list[Message] | None:
    """The turns of a user and an assistant; None where these are not all there is."""
    before, *parts = TURN.split(text)
    roles = [role.lower() for role in parts[::2]]
    said = [content.strip() for content in parts[1::2]]
    in_turns = roles == ["user", "assistant"] * (len(roles) // 2)
    if before.strip() or not roles or not in_turns or not all(said):
        return None
    return [{"role": role, "content": one} for role, one in zip(roles, said, strict=True)]


def _prompt(template: Template, request: DocumentRequest) -> Prompt:
    return Prompt(
        sha256=request.prompt,
        template=template.sha256,
        form=template.name,
        version=template.version,
        system=template.system,
        text=request.text,
    )


def _about(subject: Subject, prompt: Prompt, generator: str) -> Metadata:
    found: Metadata = {
        WrittenColumn.SCENARIO: subject.scenario,
        WrittenColumn.DOMAIN: subject.domain or None,
        WrittenColumn.POLARITY: subject.polarity,
        WrittenColumn.FORM: subject.form,
        WrittenColumn.PROMPT: prompt.sha256,
        WrittenColumn.TEMPLATE: prompt.template,
        WrittenColumn.TEMPLATE_VERSION: prompt.version,
        WrittenColumn.GENERATOR: generator,
        WrittenColumn.ORIGINAL: subject.original or None,
        WrittenColumn.OFFSET: subject.offset,
    }
    return {name: value for name, value in found.items() if value is not None}


def _asked_and_answered(plan: Plan, request: DocumentRequest, answer: Answer) -> Metadata:
    generator = plan.reader.generator
    price = generator.price if isinstance(generator, OpenAICompatible) else None
    prompt, completion = answer.prompt_tokens, answer.completion_tokens
    found: Metadata = {
        WrittenColumn.MODEL: request.model,
        WrittenColumn.REPORTED_MODEL: answer.reported_model,
        WrittenColumn.TEMPERATURE: request.sampling.temperature,
        WrittenColumn.TOP_P: request.sampling.top_p,
        WrittenColumn.SEED: request.seed,
        WrittenColumn.PROMPT_TOKENS: prompt,
        WrittenColumn.COMPLETION_TOKENS: completion,
        WrittenColumn.PRICE: price.of(prompt or 0, completion or 0) if price else None,
        WrittenColumn.SECONDS: answer.seconds,
        WrittenColumn.ANSWERED_AT: answer.answered_at,
        WrittenColumn.FINISH_REASON: answer.finish_reason,
    }
    return {name: value for name, value in found.items() if value is not None}
