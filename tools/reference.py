"""Writes `docs/reference.md` and `assets/schemas/` from the models: `python tools/reference.py`."""

from collections.abc import Iterator
from pathlib import Path

from alignment_dagster.study.reference import KINDS, sections, write_schemas

CHECKOUT = Path(__file__).parents[1]
PAGE = CHECKOUT / "docs" / "reference.md"
SCHEMAS = CHECKOUT / "assets" / "schemas"
FOLDERS = {
    "study": "studies",
    "source": "sources",
    "classifier": "classifiers",
    "recipe": "recipes",
    "suite": "suites",
    "scenarios": "scenarios",
    "specification": "specifications",
    "prompt": "prompts",
}
OPENING = """\
# Every field that can be declared

Written from the models by `python tools/reference.py`; `alignment reference` says the same in the
terminal. `alignment list` says what names there are to choose from, and `alignment new` writes
commented files to begin with.

Editors that know `yaml-language-server` (VS Code with Red Hat's YAML extension) complete these
fields and show these words, since the first line of a file names its schema:

```yaml
# yaml-language-server: $schema=../schemas/study.json
```

`alignment reference --schema assets/schemas` writes the schemas into a project that has none.
"""


def page() -> str:
    """The reference as Markdown."""
    return "\n".join([OPENING, *_lines()])


def _lines() -> Iterator[str]:
    for kind in KINDS:
        yield f"## {kind.capitalize()}\n"
        for section in sections(kind):
            if section.path:
                yield f"### {section.path} ({kind})\n"
            else:
                yield f"`assets/{FOLDERS[kind]}/NAME.yaml`\n"
            yield f"{section.description}\n"
            yield "| field | value | default | |"
            yield "|---|---|---|---|"
            for row in section.fields:
                cells = (f"`{row.name}`", row.type, row.default, row.description)
                yield "| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |"
            yield ""


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    write_schemas(SCHEMAS)
