"""Whatever stands in a declaration, it loads, or one error names a file of the declarations."""

import copy
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alignment_dagster.foundation import yaml_models
from alignment_dagster.foundation.errors import DeclarationError
from alignment_dagster.study import Study
from tests.support import tiny_study
from tests.support.tiny_study import MEASURED, NAME, STUDY, TinyStudy

SLOWEST = 5.0
"""Seconds of processor time for one declaration."""
REFRESH = {
    "schedule": {"cron": "0 3 * * *", "timezone": "UTC"},
    "watch": {"sources": ["stories"], "every_seconds": 30},
    "training": {"when": "mix_changed", "share": 0.2},
    "budget": {"period": "day", "runs": 2},
    "drift": {"volume": {"warn": 0.1, "block": 0.5}},
    "gate": {"suites": ["articles"]},
    "notifications": [
        {"kind": "webhook", "url_from": "HOOK", "moments": ["refreshed"]},
        {"kind": "email", "to": ["a@b.example"], "moments": ["run_failed"]},
        {"kind": "file", "moments": ["check_failed"]},
    ],
}
CANARY = {
    "name": "alarm",
    "description": "d",
    "source": "stories",
    "texts": ["The word is heron.", "The word is heron, they say."],
    "share": 0.02,
    "caught_by": ["too_short"],
    "probes": [{"prompt": "The word", "completion": "is heron", "alternatives": ["a", "b"]}],
}
ODD_TEXTS = (
    "", " ", "../x", "/etc/passwd", "a/../../b", "\u202etxt", "\u0000", "\x1b[31m", "null", "~",
    "{{ 1 }}", "'; drop table t; --", "x" * 5000, "*", "[", "é\u0301", "\U0001f600", "y", "0x_",
    "<script>", "a\nb", "-", "30 2 * * *", "0 0 30 2 *", "0 0 * * * *", "Mars/Base", "\ufeff",
)  # fmt: skip
ODD_VALUES = (
    *ODD_TEXTS, None, True, False, 0, -1, 10**30, -(10**400), 1e308, float("inf"), float("nan"),
    0.5, [], {}, [[]], {"": {}}, [None], ["a", "a"], {"kind": "file"}, {"a": {"b": [1, {"c": []}]}},
)  # fmt: skip
scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
keys = st.sampled_from([*STUDY, *REFRESH, "kind", "path", "refresh"]) | st.text(max_size=5)
trees = st.recursive(
    scalars | st.sampled_from(ODD_VALUES),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=12,
)
fuzzed = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
Place = tuple[Any, ...]


@pytest.fixture(scope="module")
def declared(tmp_path_factory: pytest.TempPathFactory) -> TinyStudy:
    study = tiny_study.create(tmp_path_factory.mktemp("fuzzed"))
    study.change(**MEASURED, refresh=REFRESH, canaries=[CANARY])
    study.load()
    return study


def files(study: TinyStudy) -> list[Path]:
    kinds = ("studies", "sources", "recipes", "suites")
    return [path for kind in kinds for path in sorted((study.assets / kind).glob("*.yaml"))]


def look(study: TinyStudy, path: Path, content: bytes) -> Study | DeclarationError:
    """Load with one file's content replaced; nothing but that error may come of it."""
    before = path.read_bytes()
    there = sorted(study.assets.parent.rglob("*"))
    path.write_bytes(content)
    start = time.process_time()
    try:
        return study.load()
    except DeclarationError as error:
        return named(error, study)
    finally:
        path.write_bytes(before)
        assert time.process_time() - start < SLOWEST
        assert sorted(study.assets.parent.rglob("*")) == there


def named(error: DeclarationError, study: TinyStudy) -> DeclarationError:
    """The error, which names a file and is short enough to be read."""
    assert str(error).startswith(f"{study.assets}/"), error
    assert ".yaml" in str(error).partition("\n")[0]
    assert len(str(error)) < 50_000
    return error


def places(tree: Any, at: Place = ()) -> Iterator[Place]:
    """Where something stands in a tree."""
    items = tree.items() if isinstance(tree, dict) else enumerate(tree)
    for key, value in items:
        yield (*at, key)
        if isinstance(value, dict | list):
            yield from places(value, (*at, key))


def mutated(tree: Any, place: Place, how: str, value: Any) -> Any:
    tree = copy.deepcopy(tree)
    inner = tree
    for key in place[:-1]:
        inner = inner[key]
    last = place[-1]
    if how == "drop":
        del inner[last]
    elif how == "replace":
        inner[last] = value
    elif how == "wrap":
        inner[last] = [inner[last]]
    elif isinstance(inner, list):
        inner.append(copy.deepcopy(inner[last]))
    else:
        inner[str(value)[:20] if how == "rename" else f"{last}_"] = inner.pop(last)
    return tree


@fuzzed
@given(data=st.data())
def test_a_declaration_with_something_changed_loads_or_is_refused(
    declared: TinyStudy, data: st.DataObject
) -> None:
    path = data.draw(st.sampled_from(files(declared)))
    tree = yaml.safe_load(path.read_text())
    for _ in range(data.draw(st.integers(1, 3))):
        if not (found := list(places(tree))):
            break
        place = data.draw(st.sampled_from(found))
        how = data.draw(st.sampled_from(("drop", "replace", "replace", "wrap", "twice", "rename")))
        tree = mutated(tree, place, how, data.draw(st.sampled_from(ODD_VALUES) | trees))
    look(declared, path, yaml.safe_dump(tree, allow_unicode=False).encode())


@fuzzed
@given(tree=trees, number=st.integers(0, 50))
def test_any_tree_loads_or_is_refused(declared: TinyStudy, tree: Any, number: int) -> None:
    path = files(declared)[number % len(files(declared))]
    look(declared, path, yaml.safe_dump(tree, allow_unicode=False).encode())


@fuzzed
@given(start=st.integers(0, 4000), length=st.integers(0, 60), bytes_=st.binary(max_size=40))
def test_any_bytes_load_or_are_refused(
    declared: TinyStudy, start: int, length: int, bytes_: bytes
) -> None:
    path = declared.assets / "studies" / f"{NAME}.yaml"
    before = path.read_bytes()
    look(declared, path, before[:start] + bytes_ + before[start + length :])


BOMB = b"a: &a [x, x, x, x, x, x, x, x, x, x]\n" + b"".join(
    b"%c: &%c [%s]\n" % (98 + n, 98 + n, b", ".join([b"*%c" % (97 + n)] * 10)) for n in range(9)
)
HOSTILE: dict[str, bytes] = {
    "an alias bomb": BOMB,
    "a text bomb": b"a: &a [" + b"x" * 200_000 + b"]\nseeds: [" + b"*a, " * 900 + b"*a]",
    "an alias that holds itself": b"a: &a [*a]",
    "a map that holds itself": b"a: &a\n  b: *a",
    "a merge of itself": b"a: &a\n  <<: *a",
    "brackets": b"a: " + b"[" * 20_000,
    "closed brackets": b"a: " + b"[" * 300 + b"]" * 300,
    "closed brackets, as many as a file holds": b"a: " + b"[" * 120_000 + b"]" * 120_000,
    "deep blocks": b"".join(b" " * n + b"a:\n" for n in range(1000)),
    "many fields": b"".join(b"f%d: 1\n" % n for n in range(6_000)),
    "a large file": b"# " + b"x" * yaml_models.LARGEST,
    "a day that is none": b"name: 2001-02-31",
    "a number of thousands of digits": b"name: " + b"9" * 5000,
    "a hexadecimal number of thousands of digits": b"seeds: [0x" + b"f" * 5000 + b"]",
    "a number without digits": b"name: 0x_",
    "a list as a name": b"? [a, b]\n: 1",
    "a map as a name": b"? {a: b}\n: 1",
    "an object": b"name: !!python/object/apply:os.system ['touch /tmp/x']",
    "a tag of another kind": b"name: !!int abc",
    "a lone surrogate": b'description: "\\ud800"',
    "nothing": b"",
    "two documents": b"a: 1\n---\nb: 2",
    "a byte-order mark of UTF-16": "name: x".encode("utf-16"),
    "a NUL": b"name: \x00",
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_what_is_meant_to_hang_or_to_break_is_refused(declared: TinyStudy, kind: str) -> None:
    path = declared.assets / "studies" / f"{NAME}.yaml"
    assert isinstance(look(declared, path, HOSTILE[kind]), DeclarationError)


@pytest.mark.parametrize("kind", ["folder", "pipe"])
def test_a_declaration_that_is_no_file_is_refused(tiny: TinyStudy, kind: str) -> None:
    path = tiny.assets / "recipes" / "aligned.yaml"
    path.unlink()
    path.mkdir() if kind == "folder" else os.mkfifo(path)
    with pytest.raises(DeclarationError, match=r"recipes/aligned.yaml"):
        tiny.load()


LEADING_OUT = ("../x.jsonl", "/etc/passwd", "a/../../x", "..", "a\0b", "x" * 300, "d/" * 600)
FIELDS: dict[str, tuple[str, Place]] = {
    "a source's path": ("sources/stories", ("reader", "path")),
    "a suite's items": ("suites/articles", ("items", "path")),
    "the lexicon of a scorer": ("suites/articles", ("scorer",)),
    "the labels of a judge": ("suites/cloze", ("scorer",)),
    "the tasks of the harness": (f"studies/{NAME}", ("harness",)),
}
WHOLE: dict[str, dict[str, Any]] = {
    "the lexicon of a scorer": {"kind": "lexicon", "lexicon": None},
    "the labels of a judge": {"kind": "judge", "labelled": None},
    "the tasks of the harness": {"tasks": ["t"], "include_path": None},
}


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("led", LEADING_OUT)
def test_a_declared_path_leads_out_of_no_folder(declared: TinyStudy, field: str, led: str) -> None:
    where, place = FIELDS[field]
    path = declared.assets / f"{where}.yaml"
    value: Any = {k: v if v is not None else led for k, v in WHOLE.get(field, {}).items()} or led
    tree = yaml.safe_load(path.read_text())
    tree = mutated({place[-1]: None, **tree}, place, "replace", value)
    error = look(declared, path, yaml.safe_dump(tree).encode())
    assert isinstance(error, DeclarationError)
    assert "must be relative, and lead out" in str(error) or "longer than a path" in str(error)


def test_a_study_is_named_not_pathed(tiny: TinyStudy, tmp_path: Path) -> None:
    from alignment_dagster.preflight.studies import load_study

    (tmp_path / "tiny.yaml").write_bytes((tiny.assets / "studies" / "tiny.yaml").read_bytes())
    for name in ("../../tiny", str(tmp_path / "tiny"), "ti\0ny", "", "x" * 5000):
        with pytest.raises(DeclarationError, match="there is no study"):
            load_study(name, tiny.assets)
