"""`alignment check`: all that a study declares, read and held against each other; nothing runs."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from alignment_dagster.corpus.files import MissingFiles, find_files
from alignment_dagster.corpus.sources import check_first_rows, source_folder
from alignment_dagster.evaluation.harness.installed import NEEDS_LM_EVAL, lm_eval_installed
from alignment_dagster.evaluation.judges import fallback_message, judge_inputs, used_scorer
from alignment_dagster.evaluation.suites.items import Item
from alignment_dagster.evaluation.suites.loader import read_suite
from alignment_dagster.foundation.errors import DataError
from alignment_dagster.foundation.home import DATA_VARIABLE, data_folder
from alignment_dagster.foundation.model_files import model_path
from alignment_dagster.foundation.yaml_models import read_yaml
from alignment_dagster.preflight.canaries import check_planted
from alignment_dagster.preflight.models import try_start
from alignment_dagster.preflight.synthesis import find_own_judges
from alignment_dagster.scoring import ScoringContext, find_scorer
from alignment_dagster.study import FileReader, Source, Study, Suite
from alignment_dagster.study.classifiers import SequenceClassifier
from alignment_dagster.study.smoke import study_file


def check_study(study: Study, *, asked: bool = True) -> Iterator[str]:
    """Lines for a person; the declarations themselves have been validated by loading them.

    Args:
        asked: whether this study was asked for: of another one the data may lie elsewhere.

    Raises:
        AlignmentError: for the first lexicon, suite item or source that cannot be used.
    """
    declared = study.declaration
    grid = f"{len(study.recipes)} recipes, {len(declared.seeds)} seeds"
    tokens = sum(study.mix(name).tokens for name in declared.recipes) * len(declared.seeds)
    yield f"{study.name}: {len(study.sources)} sources, {grid}, {tokens:,} tokens to train on"
    if declared.harness is not None and not lm_eval_installed():
        yield f"{study.name}: harness: left out: {NEEDS_LM_EVAL}"
    unseen = _out_of_sight(study, asked)
    if unseen:
        count = f"{len(unseen)} of its sources and suites were"
        names, data = ", ".join(one.name for one in unseen), data_folder()
        why = f"{DATA_VARIABLE} is not set" if data is None else f"nothing of them lies in {data}"
        yield f"{study.name}: {count} not looked at: {why} ({names})"
    located = read_yaml(study_file(study))
    yield from try_start(study, located)
    items: list[Item] = []
    for suite in study.suites:
        if suite in unseen:
            continue
        found = read_suite(suite, study.assets)
        items += found.items
        aside = ""
        if found.set_aside:
            aside = f", {len(found.set_aside)} of {found.rows} rows set aside"
        yield f"{study.name}: suite {suite.name}: {len(found.items)} items{aside}"
        if suite.scorer is not None and used_scorer(suite.scorer) != suite.scorer:
            yield f"{study.name}: suite {suite.name}: {fallback_message(suite.scorer)}"
        if suite.scorer is not None:
            judge_inputs(suite.scorer, study.assets)
    context = ScoringContext(assets=study.assets, items=items)
    for name in declared.scorers:
        find_scorer(name, study.assets).bind(context)
    for classifier in study.classifiers:
        # one on the hub is fetched when it is needed: here nothing waits for a network
        if isinstance(classifier.model, SequenceClassifier) and classifier.model.path is not None:
            model_path(classifier.model)
    yield from find_own_judges(study)
    if planted := check_planted(study, items):
        yield f"{study.name}: {len(declared.canaries)} canaries, {planted} planted documents"
    refresh = declared.refresh
    watched = refresh.watch.sources if refresh and refresh.watch and not unseen else ()
    for name in dict.fromkeys((*watched, *declared.sources)):
        source = study.source(name)
        if source not in unseen:
            _check_source(study, source, watched)


def _out_of_sight(study: Study, asked: bool) -> tuple[Source | Suite, ...]:
    """The sources and suites that lie in a data folder which is not set, or is another's."""
    found = tuple(one for one in _read_from_files(study) if _in_data_folder(one))
    data = data_folder()
    if data is None or not (asked or any(_lies_in(data, one) for one in found)):
        return found
    return ()


def _lies_in(data: Path, one: Source | Suite) -> bool:
    if isinstance(one, Suite):
        return (data / one.items.path).exists()
    try:
        return isinstance(one.reader, FileReader) and bool(
            find_files(one.name, one.reader.path, data)
        )
    except DataError:
        return False


def _check_source(study: Study, source: Source, watched: Sequence[str]) -> None:
    """Of one that is watched a fault is said of the line that wants it watched."""
    try:
        check_first_rows(source, source_folder(study, source))
    except DataError as error:
        if source.name not in watched:
            if isinstance(error, MissingFiles):
                raise DataError(f"{error}: {source.description.strip()}") from None
            raise
        located = read_yaml(study_file(study))
        at = ("refresh", "watch", "sources", watched.index(source.name))
        raise located.error(at, f"cannot be watched: {error}") from None


def require_data_folder(study: Study) -> None:
    """Say it once where no source that lies in the data folder can be read.

    Raises:
        DataError: if it is needed, and not named or not there.
    """
    if not any(_in_data_folder(one) for one in _read_from_files(study)):
        return
    data = data_folder()
    if data is None:
        raise DataError(
            f"study {study.name}: set {DATA_VARIABLE} to the folder that holds the data"
        )
    if not data.is_dir():
        raise DataError(f"study {study.name}: {DATA_VARIABLE}: there is no folder {data}")


def _read_from_files(study: Study) -> tuple[Source | Suite, ...]:
    return (*study.sources, *study.suites)


def _in_data_folder(one: Source | Suite) -> bool:
    if isinstance(one, Suite):
        return one.items.folder == "data"
    return isinstance(one.reader, FileReader) and one.reader.folder == "data"
