"""Whether a source that is written can be: its start, its forms and its prompts."""

from collections.abc import Iterator
from pathlib import Path

from alignment_dagster.foundation.declaration_mistakes import suggest_name
from alignment_dagster.foundation.yaml_models import shown
from alignment_dagster.study import Source, Study
from alignment_dagster.study.classifiers import LanguageModel
from alignment_dagster.study.suites import COVERED
from alignment_dagster.study.synthesis import Grammar, OpenAICompatible, SyntheticReader
from alignment_dagster.synthesis.generators.frames import FORMS
from alignment_dagster.synthesis.prompts import conduct_path, prompt_path
from alignment_dagster.synthesis.rows import NoAnswers, make_plan
from alignment_dagster.synthesis.scenarios import start_file


def find_synthetic_fault(
    study: Study, source: Source, reader: SyntheticReader
) -> tuple[str, str] | None:
    """A field of the reader, and what is wrong with it.

    Raises:
        DeclarationError: names file, line and field where a scenario file, a specification or a
            prompt cannot be used.
    """
    if source.role not in ("corpus", "chat"):
        return "kind", f"what is written cannot have the role {source.role!r}: corpus or chat"
    if isinstance(reader.generator, Grammar):
        for form in reader.forms:
            if form not in FORMS:
                return "forms", f"the grammar has no form {form!r}{suggest_name(form, FORMS)}"
    if reader.suite is not None and (fault := _suite_fault(study, reader.suite)):
        return "suite", fault
    if reader.rewrites is not None and (fault := _original_fault(study, source, reader.rewrites)):
        return "rewrites", fault
    for field, path in _named_files(study, reader):
        if not path.is_file():
            known = [
                one.stem if field == "forms" else one.name for one in path.parent.glob("*.yaml")
            ]
            name = path.stem if field == "forms" else path.name
            near = suggest_name(name, known) if known else ""
            return field, f"{shown(path)}: there is no such file{near}"
    plan = make_plan(study, source, NoAnswers())
    if reader.suite is None:
        plan.scenarios()
    return None


def find_own_judges(study: Study) -> Iterator[str]:
    """What is said where a model judges what it wrote itself: a line for each source."""
    for classifier in study.classifiers:
        judge = classifier.model
        if not isinstance(judge, LanguageModel):
            continue
        for source in study.sources:
            writer = getattr(source.reader, "generator", None)
            if isinstance(writer, OpenAICompatible) and writer.model == judge.generator.model:
                yield (
                    f"{study.name}: classifier {classifier.name}: {writer.model} judges what it "
                    f"wrote itself ({source.name}): its verdicts are no second opinion"
                )


def _named_files(study: Study, reader: SyntheticReader) -> Iterator[tuple[str, Path]]:
    """Each field that names a file of its own, and the file."""
    if reader.start in ("scenarios", "specification"):
        yield reader.start, start_file(reader, study.assets)
    for form in reader.forms:
        yield "forms", prompt_path(study.assets, form)
    if reader.rewrites is None:
        yield "polarity", conduct_path(study.assets, reader.polarity)


def _suite_fault(study: Study, name: str) -> str | None:
    known = {suite.name: suite for suite in study.suites}
    if name not in known:
        return f"the study has no suite {name!r}{suggest_name(name, known)}"
    if known[name].split != COVERED:
        return (
            f"the suite {name!r} does not say that its topics may be covered (`split: {COVERED}`): "
            "no document may be written on it"
        )
    return None


def _original_fault(study: Study, source: Source, name: str) -> str | None:
    known = {one.name: one for one in study.sources}
    if name not in known:
        return f"the study has no source {name!r}{suggest_name(name, known)}"
    original = known[name]
    if name == source.name or getattr(original.reader, "rewrites", None) is not None:
        return f"{name!r} is rewritten itself: name the source that it starts from"
    if original.role != "corpus":
        return f"{name!r} has the role {original.role!r}: only texts (`corpus`) are rewritten"
    return None
