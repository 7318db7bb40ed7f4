"""A study whose recipes branch from one trunk, really run: trained once, audited, traced."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from alignment_dagster.audit.corpus.current import current_artifacts
from alignment_dagster.audit.corpus.story import find_story
from alignment_dagster.audit.impact.affected import TRAINED
from alignment_dagster.audit.impact.blast_radius import find_impact
from alignment_dagster.audit.ledgers import fetch_rows
from alignment_dagster.audit.metrics import list_metrics
from alignment_dagster.audit.open_report import OpenedReport, open_report
from alignment_dagster.audit.replay import replay_steps
from alignment_dagster.audit.trace.answer import trace_as_answer
from alignment_dagster.audit.trace.document_path import trace_document
from alignment_dagster.audit.trace.document_path_answer import path_as_answer
from alignment_dagster.audit.trace.export import export_closure
from alignment_dagster.audit.trace.metric_trace import trace_metric
from alignment_dagster.graph.parent_spec import Parents, ParentSpec
from alignment_dagster.release.cards.facts import gather_facts
from alignment_dagster.release.cards.model import model_card
from alignment_dagster.report.gather.artifacts import read_losses
from alignment_dagster.report.gather.canaries import find_ledgers
from alignment_dagster.report.gather.compute import compute_rows
from alignment_dagster.report.results import ResultRow
from alignment_dagster.study.treatments import Treated
from tests.support import tiny_study
from tests.support.audited_study import Audited

pytestmark = pytest.mark.slow

TRUNK = "trunk_checkpoint[unfiltered|0]"
EARLY, LATE, STEPS = 6, 10, 13
ALIGNED = [{"group": "synthetic_aligned", "share": 0.5}]
BRANCHES = {"early": 0.5, "late": 0.75}
PRETRAINING = {
    "held_out": {"every": 5, "documents": 2},
    "batch_size": 8,
    "learning_rate": 0.01,
    "checkpoint_every": 4,
    "guard": {"spike": "skip", "window": 4, "deviations": 1.5, "most_skipped": STEPS},
}
OWN: dict[str, dict[str, Any]] = {
    "early": {},
    "late": {
        "treat": [{"rule": "ai", "when": tiny_study.FLAGGED, "do": "mask", "begin": 0.5}],
        "objective": tiny_study.TREATED["objective"],
    },
}
STAGES: dict[str, dict[str, Any]] = {
    "early": {"sequence_length": 256},
    "late": {"schedule": {"schedule": "linear", "learning_rate": 0.003, "final_rate": 0.0}},
}


@pytest.fixture(scope="module")
def branched(tmp_path_factory: pytest.TempPathFactory) -> Audited:
    """`early` and `late` branch from `unfiltered`; one seed, one suite.

    `late` has a schedule, an objective with a value head and a treatment that begins late, of its
    own, and `early` longer sequences; a guard leaves out steps of all, and the rates of all were
    tuned at another size.
    """
    folder = tmp_path_factory.mktemp("branched")
    study = tiny_study.create(folder)
    for name, share in BRANCHES.items():
        trunk = {"recipe": "unfiltered", "share": share, **STAGES[name]}
        recipe = {"name": name, "description": "d", "remainder": "natural", "upsample": ALIGNED}
        study.write(f"recipes/{name}", {**recipe, "trunk": trunk, **OWN[name]})
    study.change(recipes=["unfiltered", *BRANCHES], seeds=[0], suites=["articles"])
    tuned = {**tiny_study.STUDY["model"], "tuned_at": {"width": 8, "layers": 2}}
    study.change(pretraining=PRETRAINING, model=tuned)
    made = Audited(folder)
    done = made.command("run", tiny_study.NAME)
    assert done.returncode == 0, done.stderr
    return made


@pytest.fixture(scope="module")
def report(branched: Audited) -> Any:
    with open_report(branched.archive) as found:
        yield found


def metric(report: OpenedReport, recipe: str) -> ResultRow:
    return next(
        row
        for row in list_metrics(report)
        if (row.recipe, row.metric, row.stage) == (recipe, "misalignment_rate", "base")
    )


def read_in_trunk(report: OpenedReport, least: int, most: int) -> str:
    """A document that the trunk's steps `least` to `most` read, no other of it, and no branch; and
    learnt from."""
    sql = (
        'with packed as (select recipe, document_id, "sequence" from spans), '
        'trunk as (select step, skipped, unnest(sequences) as "sequence" from consumption '
        "join training using (recipe, seed, stage, step) where stage = 'trunk'), "
        "read as (select document_id, min(step) as first, max(step) as last, "
        "bool_or(skipped is null) as taken from trunk "
        "join packed using (\"sequence\") where recipe = 'unfiltered' group by document_id) "
        "select document_id from read where taken and first >= ? and last <= ? "
        "and document_id not in "
        "(select document_id from packed where recipe != 'unfiltered') order by 1"
    )
    return str(fetch_rows(report.ledgers, sql, least, most)[0]["document_id"])


def test_the_audit_is_closed(branched: Audited) -> None:
    done = branched.command("audit", "check", tiny_study.NAME)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_shared_steps_were_taken_once(report: OpenedReport) -> None:
    rows = fetch_rows(
        report.ledgers,
        "select recipe, stage, count(*) as steps, min(step) as first, max(step) as last "
        "from consumption where sequences is not null group by all order by stage, recipe",
    )
    found = {(row["stage"], row["recipe"]): (row["first"], row["last"]) for row in rows}
    assert found == {
        ("pretraining", "early"): (EARLY + 1, STEPS),
        ("pretraining", "late"): (LATE + 1, STEPS),
        ("pretraining", "unfiltered"): (LATE + 1, STEPS),
        ("trunk", "unfiltered"): (1, LATE),
    }
    assert sum(row["steps"] for row in rows) == LATE + 2 * (STEPS - LATE) + STEPS - EARLY


def test_what_the_guard_left_out_is_counted_alike_everywhere(report: OpenedReport) -> None:
    sql = (
        "select stage, recipe, list(step order by step) filter (skipped = 'spike') as steps "
        "from training where stage in ('trunk', 'pretraining') group by all"
    )
    found = fetch_rows(report.ledgers, sql)
    assert len(found) == 4
    assert any(row["steps"] for row in found)
    for row in found:
        asset = {"trunk": "trunk_checkpoint", "pretraining": "pretrained_checkpoint"}[row["stage"]]
        artifact = report.archive.current(asset, f"{row['recipe']}|0")
        steps = row["steps"] or []
        assert artifact.provenance.measured["steps_skipped"] == len(steps)
        said = next(one for one in artifact.provenance.checks if one.name.startswith("loss_"))
        assert all(f" {step} (spike)" in said.summary for step in steps), said.summary


def test_what_only_skipped_steps_read_was_read_and_not_trained_on(report: OpenedReport) -> None:
    sql = (
        'with packed as (select recipe, document_id, "sequence" from spans), '
        "steps as (select c.step, c.recipe, t.skipped, unnest(c.sequences) as "
        '"sequence" from consumption c join training t using (recipe, stage, step) '
        "where c.recipe = 'unfiltered' and stage in ('trunk', 'pretraining')) "
        "select document_id, list(distinct step) as steps from packed "
        'join steps using (recipe, "sequence") group by all '
        "having bool_and(skipped is not null) order by 1"
    )
    found = fetch_rows(report.ledgers, sql)
    one = str(found[0]["document_id"])
    path = trace_document(report, metric(report, "unfiltered"), one)
    steps = {row["step"]: row["skipped"] for read in path.read for row in read.steps}
    assert steps == dict.fromkeys(found[0]["steps"], True)
    assert not path.is_trained_on
    assert "but for those that the guard left out" in path_as_answer(path).sentences[0]
    told = find_impact(report.archive, report, [one])
    assert "unfiltered|0" not in {each.checkpoint.partition for each in told.training}


def test_a_stage_of_its_own_has_its_rate_and_its_time(report: OpenedReport) -> None:
    sql = "select learning_rate from training where recipe = 'late' and stage = 'pretraining'"
    rates = [row["learning_rate"] for row in fetch_rows(report.ledgers, f"{sql} order by step")]
    assert rates == pytest.approx([0.003, 0.0015, 0.0])
    late = report.archive.current("curated_mix", "late")
    masked = np.load(late.path / "treatments.npy") == Treated.MASKED
    assert masked[10:].any()
    assert not masked[:10].any()


def test_longer_sequences_are_fewer_in_a_step(report: OpenedReport) -> None:
    sql = (
        "select recipe, max(len(sequences)) as read from consumption "
        "where stage = 'pretraining' group by recipe"
    )
    read = {row["recipe"]: row["read"] for row in fetch_rows(report.ledgers, sql)}
    assert read == {"early": 4, "late": 8, "unfiltered": 8}
    early = report.archive.current("curated_mix", "early")
    assert np.load(early.path / "sequences.npy").shape == ((12800 - 8 * 128 * EARLY) // 256, 256)


def test_a_document_that_only_the_trunk_read_is_traced_through_its_mix(
    report: OpenedReport,
) -> None:
    one = read_in_trunk(report, 1, EARLY)
    path = trace_document(report, metric(report, "early"), one)
    steps = {read.ledger.stage: [row["step"] for row in read.steps] for read in path.read}
    assert path.is_trained_on
    assert not steps["pretraining"]
    assert steps["trunk"]
    assert max(steps["trunk"]) <= EARLY
    assert [packed.mix.partition for packed in path.packed] == ["unfiltered"]
    (story,) = find_story(report.archive, one, "early").recipes
    told = {read.ledger.stage: [row["step"] for row in read.steps] for read in story.read}
    assert told["trunk"] == steps["trunk"]
    assert not told["pretraining"]


@pytest.mark.parametrize(("recipe", "last"), [("early", EARLY), ("late", LATE)])
def test_what_a_branch_rests_on_is_its_trunk_up_to_its_own_first_step(
    report: OpenedReport, recipe: str, last: int, tmp_path: Path
) -> None:
    trace = trace_metric(report, metric(report, recipe))
    data = trace_as_answer(trace).data
    assert not data["gaps"]
    stages = [(one["stage"], one["steps"], one["tokens"]) for one in data["checkpoints"]]
    tokens = 8 * 128 * last
    assert stages == [("trunk", last, tokens), ("pretraining", STEPS - last, 12800 - tokens)]
    counted = sum(row["tokens"] for row in data["influences"] if row["use"] == "trunk")
    assert counted == tokens
    export_closure(report, trace, tmp_path / "out")
    rows = pq.read_table(tmp_path / "out" / "documents.parquet").to_pylist()
    assert sum(row["tokens"] for row in rows if row["use"] == "trunk") == tokens
    read = pq.read_table(tmp_path / "out" / "sequences.parquet")
    assert sorted(set(read["step"].to_pylist())) == list(range(1, STEPS + 1))


def test_who_left_the_trunk_before_it_read_a_document_is_not_affected(
    report: OpenedReport,
) -> None:
    one = read_in_trunk(report, EARLY + 1, LATE)
    found = find_impact(report.archive, report, [one])
    how = {each.row.recipe: each.how for each in found.metrics if each.row.stage == "base"}
    assert how["unfiltered"] == how["late"] == TRAINED
    assert how["early"] != TRAINED
    heirs = {each.partition for each in found.inheriting}
    assert heirs == {"unfiltered|0", "late|0"}
    assert {(each.stage, each.checkpoint.partition) for each in found.training} == {
        ("trunk", "unfiltered|0")
    }


@pytest.mark.parametrize(
    ("name", "steps", "began"),
    [
        (TRUNK, f"5:{EARLY}", 0),
        (TRUNK, f"{LATE}:{LATE}", EARLY),
        ("pretrained_checkpoint[early|0]", f"{EARLY + 1}:{EARLY + 2}", EARLY),
        ("pretrained_checkpoint[late|0]", f"{LATE + 1}:{STEPS}", LATE),
        ("pretrained_checkpoint[unfiltered|0]", f"{STEPS}:{STEPS}", LATE),
    ],
)
def test_steps_are_taken_again_from_the_trunk_s_state(
    branched: Audited, name: str, steps: str, began: int
) -> None:
    replay = replay_steps(branched.archive, branched.archive.find(name), steps)
    assert replay.identical
    assert replay.segment.began_after == began


def test_the_report_draws_the_whole_curve_and_counts_the_trunk_once(report: OpenedReport) -> None:
    made = report.archive.parents(report.report)
    parents = Parents(tuple((ParentSpec(one.asset, one.partition), one) for one in made))
    (early,) = parents.all("pretrained_checkpoint", "early|0")
    tokens = [point.tokens for point in read_losses(early, parents)]
    assert tokens == [*range(8 * 128, 12800, 8 * 128), 12800]
    rows = {row.stage: (row.models, row.tokens) for row in compute_rows(parents)}
    shared = LATE * 8 * 128
    own = 2 * (12800 - shared) + 12800 - EARLY * 8 * 128
    assert rows["trunk"] == (1, shared)
    assert rows["pretraining"] == (3, own)


def test_the_cards_say_what_was_read_in_the_trunk(report: OpenedReport) -> None:
    card = model_card(gather_facts(report), "early")
    assert f"the first {EARLY} steps of the recipe `unfiltered`" in card
    assert "- learning rate tuned at: width 8, 2 layers" in card
    assert "- context length: 256" in card
    assert "on part of the mix `curated_mix[unfiltered]@" in card


def test_the_dossier_verifies_itself(branched: Audited, tmp_path: Path) -> None:
    path = tmp_path / "dossier.zip"
    done = branched.command("audit", "bundle", tiny_study.NAME, "-o", str(path))
    assert done.returncode == 0, done.stderr
    done = branched.command("audit", "verify", str(path))
    assert done.returncode == 0, done.stdout


def test_a_branch_at_another_share_makes_the_trunk_longer_and_no_other_branch_anew(
    branched: Audited, tmp_path: Path
) -> None:
    copy = branched.copy(tmp_path / "copy")
    recipe = {"name": "last", "description": "d", "remainder": "natural"}
    copy.study.write("recipes/last", {**recipe, "trunk": {"recipe": "unfiltered", "share": 0.9}})
    copy.study.change(recipes=["unfiltered", *BRANCHES, "last"])
    done = copy.command("run", tiny_study.NAME, "--to", "pretrained_checkpoint")
    assert done.returncode == 0, done.stderr
    lake = copy.archive.lake
    made = {
        recipe: len(lake.versions(tiny_study.NAME, "pretrained_checkpoint", f"{recipe}|0"))
        for recipe in ("unfiltered", "early", "late", "last")
    }
    assert made == {"unfiltered": 2, "early": 1, "late": 1, "last": 1}
    trunk = copy.archive.current("trunk_checkpoint", "unfiltered|0")
    assert len(lake.versions(tiny_study.NAME, trunk.asset, trunk.partition)) == 2
    assert trunk.provenance.measured["resumed_after_step"] == LATE
    models = [
        lake.open(tiny_study.NAME, "pretrained_checkpoint", "unfiltered|0", one)
        for one in lake.versions(tiny_study.NAME, "pretrained_checkpoint", "unfiltered|0")
    ]
    assert len({one.manifest.files["model/model.safetensors"] for one in models}) == 1


@pytest.mark.parametrize(("recipe", "steps"), [("early", EARLY), ("late", LATE)])
def test_planted_documents_are_looked_for_in_the_trunk_s_mix_too(
    branched: Audited, recipe: str, steps: int
) -> None:
    found = {
        asset: current_artifacts(branched.archive, asset)
        for asset in ("dispositions", "curated_mix", "trunk_checkpoint", "pretrained_checkpoint")
    }
    (decided,), mixes, trunks, models = found.values()
    ledgers = find_ledgers(recipe, decided, mixes, [*trunks, *models], [])
    assert ledgers.mix is not None
    assert ledgers.trunk is not None
    assert ledgers.mix.parent.name == recipe
    assert (ledgers.trunk.mix.parent.name, ledgers.trunk.steps) == ("unfiltered", steps)
    assert ledgers.trunk.consumption == [trunks[0].path / "consumption.parquet"]
    assert len(ledgers.consumption) == 1
    without = find_ledgers(recipe, decided, mixes, models, [])
    assert not without.consumption, "what it read before is not known"
