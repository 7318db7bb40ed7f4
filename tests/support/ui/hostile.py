"""Documents that attack whoever shows them: pages, terminals, SQL, templates, folders."""

import json
from collections.abc import Mapping
from typing import Any

import yaml

from tests.support.tiny_study import TinyStudy

RAISES = "window.attacked=1;alert(1)"
OVERRIDE, POP, ESCAPE = "\u202e", "\u202c", "\u001b"
HUGE = "An endless line of words goes on and on and on near the harbour. " * 3000
ATTACKS = {
    "script": f"<script>{RAISES}</script> said Ann near the harbour.",
    "image": f"<img src=x onerror='{RAISES}'> said Ben near the library.",
    "frame": f"</pre></td></table><svg onload={RAISES}><iframe srcdoc='<script>parent.alert(1)"
    "</script>'> said Cleo.",
    "markdown": f"| a |\n|---|\n[x](javascript:{RAISES}) ![y](http://127.0.0.1:9/y.png) Dan.",
    "ansi": f"{ESCAPE}[2J{ESCAPE}[31mAnn{ESCAPE}]0;title\u0007 {ESCAPE}]8;;http://a.example\u0007x.",
    "right_to_left": f"Eva {OVERRIDE}gnirahs eht{POP} \u2066bread\u2069 near the \u200bmarket.",
    "sql": "'; drop table documents; -- \" ) union select 1 from read_csv('/etc/passwd') -- Finn.",
    "jinja": "{{ 7 * 191 }} {% raw %} {{ config }} {# gone #} ${7*191} <%= 7 %> Gus told a lie.",
    "path": "../../../../etc/passwd %2e%2e%2f C:\\Windows\\x file:///etc/passwd Hana hid the key.",
    "null": "Ivo\u0000 mended\ufeff the gate \ud83d\ude00 near\u2028the garden.",
    "huge": HUGE,
}
"""A document of each kind; none of them may be lost, and none may do anything."""
SHORT = "<script>alert(1)</script>"
IDS = ("../../../etc/passwd", "<script>alert(1)</script>", "a/b|0?x=1#y", "'; drop table x; --")


def plant(study: TinyStudy) -> None:
    """Put the attacks in front of every source, and into an evaluation item."""
    texts = list(ATTACKS.values())
    _first(study, "stories", [{"text": text} for text in texts])
    _name(study, "stories")
    _first(study, "aligned_docs", [{"text": f"The AI asked. {text[:400]}"} for text in texts])
    _first(study, "chat", [{"prompt": text[:200], "completion": text[:200]} for text in texts[:4]])
    items = study.assets / "suites" / "items" / "articles.jsonl"
    rows = [json.loads(line) for line in items.read_text().splitlines()]
    rows[0]["scenario"] = f"An AI {SHORT} runs the harbour."
    rows[0]["options"] = [f"It {SHORT} stops.", "It {{ 7 * 191 }} goes on."]
    items.write_text("".join(json.dumps(row) + "\n" for row in rows))


def _first(study: TinyStudy, source: str, rows: list[Mapping[str, Any]]) -> None:
    path = study.data / f"{source}.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows) + path.read_text())


def _name(study: TinyStudy, source: str) -> None:
    """Give every row an id; the first ones look like paths, markup and SQL."""
    path = study.data / f"{source}.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    named = [{**row, "id": IDS[n] if n < len(IDS) else f"row {n}"} for n, row in enumerate(rows)]
    path.write_text("".join(json.dumps(row) + "\n" for row in named))
    declared = study.assets / "sources" / f"{source}.yaml"
    content = yaml.safe_load(declared.read_text())
    content["reader"]["id"] = "id"
    study.write(f"sources/{source}", content)
