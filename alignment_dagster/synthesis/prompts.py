"""What a language model is asked: reviewed files of `assets/prompts`, with names in braces.

A form (`news_article.yaml`) says which kind of text is wanted, and has a place for what the AI in
it does, which is a file for each polarity (`conduct/aligned.yaml`). Nothing in a file is run:
`{name}` stands for a text, and everything else for itself.
"""

import string
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from alignment_dagster.foundation.digests import sha256_json
from alignment_dagster.foundation.errors import DeclarationError
from alignment_dagster.foundation.yaml_models import Located, read_yaml
from alignment_dagster.language_models.fence import fence
from alignment_dagster.study.prompts import PromptFile
from alignment_dagster.study.synthesis import Polarity

PROMPTS, CONDUCT_FOLDER = "prompts", "conduct"
CONDUCT = "conduct"
"""In a form, where the file of the polarity is put."""
DOCUMENT, BEFORE = "document", "before"
"""In what rewrites: the original, and of it what stands before the place of an insertion."""
ABOUT_SCENARIOS = frozenset(
    {"scenario", "situation", "system", "principle", "domain", "did", "did_not", "reason"}
)
ABOUT_ORIGINALS = frozenset({DOCUMENT, BEFORE})


@dataclass(frozen=True)
class Template:
    """A form with what the AI in it does."""

    name: str
    version: str
    """Of the form; `form+conduct` where there are two files."""
    system: str
    text: str
    answer: Literal["text", "dialogue"]
    asked: tuple[str, ...]

    @property
    def sha256(self) -> str:
        """Hex digest of all that is asked with it."""
        return sha256_json([self.system, self.text, self.answer, list(self.asked)])

    @property
    def variables(self) -> frozenset[str]:
        """The names in braces."""
        return frozenset(_variables(self.text))

    @property
    def inserts(self) -> bool:
        """Whether the text is to stand in the original."""
        return BEFORE in self.variables

    def fill(self, values: Mapping[str, str]) -> str:
        """The prompt; texts of others stand between lines that they cannot contain.

        Raises:
            KeyError: if a name has no value.
        """
        shown = {
            name: fence("document", value) if name in ABOUT_ORIGINALS else value
            for name, value in values.items()
        }
        return "".join(
            literal + ("" if name is None else shown[name])
            for literal, name, _, _ in string.Formatter().parse(self.text)
        ).strip()


def read_template(
    assets: Path, form: str, polarity: Polarity, *, rewrites: bool, chat: bool
) -> Template:
    """A form, filled with the conduct of the polarity.

    Args:
        rewrites: whether it is asked about documents, and not about scenarios.
        chat: whether the texts are answers in conversations.

    Raises:
        DeclarationError: names file, line and field: an unknown name in braces, anything that looks
            like code, a form that does not say where the conduct or the original stands.
    """
    located = read_yaml(prompt_path(assets, form))
    file = located.parse_named(PromptFile)
    needed = ABOUT_ORIGINALS if rewrites else frozenset({CONDUCT})
    for field, said in (("system", file.system), *(("asked", one) for one in file.asked or ())):
        if set("{}") & set(said or ""):
            raise located.error((field,), "braces stand for nothing here: names are in `text`")
    found = _checked(located, file.text, needed if rewrites else needed | ABOUT_SCENARIOS)
    if not found & needed:
        names = " or ".join(f"{{{name}}}" for name in sorted(needed))
        raise located.error(("text",), f"{names} stands nowhere in it")
    version, text, asked = file.version, file.text, file.asked
    if not rewrites:
        conduct_located = read_yaml(conduct_path(assets, polarity))
        conduct = conduct_located.parse_named(PromptFile)
        _checked(conduct_located, conduct.text, ABOUT_SCENARIOS)
        version = f"{version}+{conduct.version}"
        text = text.replace(f"{{{CONDUCT}}}", conduct.text.strip())
        asked = asked or conduct.asked
    if chat and file.answer == "text" and not asked:
        raise located.error(
            ("asked",), "a source of conversations needs what its texts are the answers to"
        )
    return Template(form, version, file.system or "", text, file.answer, asked or ())


def prompt_path(assets: Path, form: str) -> Path:
    """The file of a form."""
    return assets / PROMPTS / f"{form}.yaml"


def conduct_path(assets: Path, polarity: Polarity) -> Path:
    """The file of what the AI does."""
    return assets / PROMPTS / CONDUCT_FOLDER / f"{polarity}.yaml"


def _checked(located: Located, text: str, known: frozenset[str]) -> set[str]:
    """The names in braces, each of them known.

    Raises:
        DeclarationError: at the field `text`.
    """
    for mark in ("{{", "}}", "{%", "%}", "{#"):
        if mark in text:
            raise _no_code(located, mark)
    try:
        parsed = list(string.Formatter().parse(text))
    except ValueError as error:
        raise located.error(("text",), f"{error}: braces hold a name") from None
    for _, name, options, conversion in parsed:
        if name is None:
            continue
        if options or conversion or (name and not name.isidentifier()):
            raise _no_code(located, f"{{{name}")
        if name not in known:
            names = ", ".join(sorted(known))
            raise located.error(("text",), f"unknown name {{{name}}} (known: {names})")
    return _variables(text)


def _no_code(located: Located, mark: str) -> DeclarationError:
    return located.error(
        ("text",), f"{mark!r}: nothing is run here: write a name in braces, as `{{situation}}`"
    )


def _variables(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}
