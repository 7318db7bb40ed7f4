"""A study's own scorers: `module:function`, a function from texts to columns.

    # assets/scorers/shouting.py
    def marks(texts):
        return {"marks": numpy.array([text.count("!") for text in texts], dtype=numpy.int64)}

The module is a file in `assets/scorers`, or else one that Python finds. The function gets a list of
texts and gives a mapping (or an Arrow table) of columns, one value a text. Which columns there are,
and of which types, is asked of it with no text at all; lists have no type then, so one that gives
lists says it by the decorator `columns`. Its version is the digest of its file, and of `VERSION` in
it, which speaks for what the file imports.
"""

import importlib
import importlib.util
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

import pyarrow as pa

from alignment_dagster.foundation.digests import sha256_file
from alignment_dagster.foundation.errors import DeclarationError
from alignment_dagster.foundation.visible_text import cut, visible
from alignment_dagster.foundation.yaml_models import shown
from alignment_dagster.scoring.scorer import LONGEST_REASON, ScoreBatch, Scorer, ScoringContext

FOLDER = "scorers"
"""Of the assets."""
COLUMN = re.compile(r"[a-z][a-z0-9_]*")
TYPES: Mapping[type, pa.DataType] = {
    bool: pa.bool_(),
    int: pa.int64(),
    float: pa.float64(),
    str: pa.string(),
}
Function = TypeVar("Function", bound=Callable[..., Any])


def columns(**types: type) -> Callable[[Function], Function]:
    """Say which columns a scorer gives: `@columns(marks=int, share=float)`.

    Types are `bool`, `int`, `float` and `str`.
    """

    def declare(function: Function) -> Function:
        function.columns = types  # type: ignore[attr-defined]
        return function

    return declare


def is_own(name: str) -> bool:
    """Whether this names a study's own scorer, and none of the package's."""
    return ":" in name


def load_own(name: str, assets: Path) -> Scorer:
    """The scorer `module:function`.

    Raises:
        DeclarationError: if there is no such module or function, the module cannot be imported, or
            its columns cannot be used; the message names the file, and the line where there is one.
    """
    module_name, _, function_name = name.partition(":")
    path, module = _import(module_name, assets)
    function = getattr(module, function_name, None)
    if not callable(function):
        raise DeclarationError(f"{shown(path)}: has no function {function_name!r}")
    where = f"{shown(path)}: {function_name}"
    types = _columns(function, where)
    version = str(getattr(module, "VERSION", 1))
    digest = sha256_file(path)
    return Scorer(name, version, types, _Bind(function, types), lambda _context: digest)


@dataclass(frozen=True)
class _Bind:
    function: Callable[[list[str]], Any]
    types: Mapping[str, pa.DataType]

    def __call__(self, _context: ScoringContext) -> ScoreBatch:
        return self.score

    def score(self, texts: list[str]) -> pa.Table:
        found = _table(self.function(texts))
        if set(found) != set(self.types):
            raise ValueError(f"gave the columns {sorted(found)}, not {sorted(self.types)}")
        arrays = {name: pa.array(found[name], kind) for name, kind in self.types.items()}
        for name, array in arrays.items():
            if len(array) != len(texts):
                raise ValueError(f"{len(array)} values of {name!r} for {len(texts)} texts")
            if array.null_count:
                raise ValueError(f"{name!r} has no value")
        return pa.table(arrays)


def _import(module: str, assets: Path) -> tuple[Path, ModuleType]:
    path = (assets / FOLDER / module.replace(".", "/")).with_suffix(".py")
    try:
        if path.is_file():
            return path, _import_file(path)
        found = importlib.import_module(module)
    except ModuleNotFoundError as error:
        if f"{module}.".startswith(f"{error.name}."):
            message = f"there is no {shown(path)}, and no module {module!r} is installed"
            raise DeclarationError(message) from None
        raise DeclarationError(f"{_place(error, path)}: {_said(error)}") from None
    except Exception as error:
        raise DeclarationError(f"{_place(error, path)}: {_said(error)}") from None
    if found.__file__ is None:
        raise DeclarationError(f"module {module!r} has no file whose digest could be taken")
    return Path(found.__file__), found


def _import_file(path: Path) -> ModuleType:
    """The module of a file as it is now; read once for each content."""
    name = f"alignment_dagster_own_{path.stem}_{sha256_file(path)[:16]}"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module  # before its code: dataclasses look their module up
        try:
            spec.loader.exec_module(module)
        except BaseException:
            del sys.modules[name]
            raise
    return sys.modules[name]


def _columns(function: Callable[..., Any], where: str) -> Mapping[str, pa.DataType]:
    declared = getattr(function, "columns", None)
    if declared is not None:
        unknown = [name for name, kind in declared.items() if kind not in TYPES]
        if unknown:
            known = ", ".join(kind.__name__ for kind in TYPES)
            raise DeclarationError(f"{where}: the type of {unknown[0]!r} is none of {known}")
        types = {name: TYPES[kind] for name, kind in declared.items()}
    else:
        try:
            types = {name: pa.array(values).type for name, values in _table(function([])).items()}
        except Exception as error:
            message = f"cannot be asked for its columns with no text: {_said(error)}"
            raise DeclarationError(f"{where}: {message}") from None
    for name, kind in types.items():
        if not COLUMN.fullmatch(name):
            message = f"{visible(str(name))!r} is no column's name: small letters, digits, _"
            raise DeclarationError(f"{where}: {message}")
        if kind not in TYPES.values():
            message = f"column {name!r} is of type {kind} with no text: declare it with `@columns`"
            raise DeclarationError(f"{where}: {message}")
    if not types or "document_id" in types:
        raise DeclarationError(f"{where}: gives no column, or one called document_id")
    return types


def _table(found: Any) -> dict[str, Any]:
    if isinstance(found, pa.Table):
        return {name: found[name].combine_chunks() for name in found.column_names}
    if isinstance(found, Mapping):
        return dict(found)
    raise TypeError(f"gave {type(found).__name__}, not columns by name")


def _place(error: Exception, path: Path) -> str:
    """File and line of the fault: of the syntax, or of the last line of the file that ran."""
    if isinstance(error, SyntaxError) and error.filename == str(path):
        return f"{shown(path)}:{error.lineno}"
    line, trace = None, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == str(path):
            line = trace.tb_lineno
        trace = trace.tb_next
    return f"{shown(path)}:{line}" if line else shown(path)


def _said(error: Exception) -> str:
    said = error.msg if isinstance(error, SyntaxError) else str(error)
    return cut(visible(" ".join(f"{type(error).__name__}: {said}".split())), LONGEST_REASON)
