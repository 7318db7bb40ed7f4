"""The attack job: every attack on every chosen item at every stage, as Parquet.

`python -m alignment_dagster.evaluation.attacks.run CONFIG.json`
"""

import sys
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import torch

from alignment_dagster.engines.devices import (
    describe,
    find_device,
    memory_advice,
    set_determinism,
)
from alignment_dagster.evaluation.attacks.conversation import Renderer
from alignment_dagster.evaluation.attacks.demonstrations import Demonstrations
from alignment_dagster.evaluation.attacks.files import ATTACKS, NOT_APPLIED, REPRODUCED
from alignment_dagster.evaluation.attacks.job import AttackJob, read_suites
from alignment_dagster.evaluation.attacks.measurement import Case, key_columns, measure, row
from alignment_dagster.evaluation.attacks.objective import AttackedModel
from alignment_dagster.evaluation.attacks.reproduction import reproduce
from alignment_dagster.evaluation.attacks.search import Search
from alignment_dagster.evaluation.attacks.selection import SEARCHES, AttackItems, choose_items
from alignment_dagster.evaluation.attacks.templates import (
    NotFittingError,
    Target,
    make_conversation,
)
from alignment_dagster.evaluation.attacks.vocabulary import Vocabulary
from alignment_dagster.evaluation.evaluate import load_checkpoint
from alignment_dagster.evaluation.judges import Judge, judge_metrics, make_judge
from alignment_dagster.evaluation.model.control_tokens import prompt_ids
from alignment_dagster.evaluation.suites.items import Item
from alignment_dagster.evaluation.suites.loader import content_digest, load_suite
from alignment_dagster.foundation.errors import DataError
from alignment_dagster.foundation.job import Progress, run_job
from alignment_dagster.lineage import file_names
from alignment_dagster.study import AttackMethod, Stage

Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class Plan:
    """What is attacked, the same at every stage."""

    chosen: tuple[AttackItems, ...]
    shown: Mapping[str, Sequence[Item]]
    """Suite → items that may be shown as demonstrations."""
    judges: Mapping[str, Judge]


@dataclass
class AttackTables:
    """The rows of the three files."""

    attacks: Rows = field(default_factory=list)
    not_applied: Rows = field(default_factory=list)
    reproduced: Rows = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    """Method → seconds spent on it."""


def attack(job: AttackJob, progress: Progress) -> None:
    """Write `attacks.parquet`, `not_applied.parquet` and `reproduced.parquet`.

    Raises:
        AlignmentError: names the item, file or checkpoint that cannot be used.
    """
    torch.set_num_threads(job.attacks.threads)
    device = find_device(job.device)
    if device.type != "cpu":
        set_determinism(job.determinism, job.attacks.threads)
    started = time.monotonic()
    plan = make_plan(job)
    written = AttackTables()
    with memory_advice(progress, device, "evaluation.batch_tokens", job.batch_tokens):
        for stage in job.checkpoints:
            _StageAttack(job, plan, stage, progress, written, device).run()
    output = Path(job.output)
    output.mkdir(parents=True, exist_ok=True)
    for name, schema, rows in (
        (file_names.ATTACKS, ATTACKS, written.attacks),
        (file_names.NOT_APPLIED, NOT_APPLIED, written.not_applied),
        (file_names.REPRODUCED, REPRODUCED, written.reproduced),
    ):
        table = pa.Table.from_pylist(rows, schema=schema)
        pq.write_table(table, output / name, compression="zstd")
    progress.result(
        **describe(device, job.determinism),
        seconds=time.monotonic() - started,
        attacks=len(written.attacks),
        not_applied=len(written.not_applied),
        queries=sum(one["queries"] for one in written.attacks),
        **{f"seconds_{method}": value for method, value in written.seconds.items()},
        **{
            f"{suite}/{name}": value
            for one in plan.chosen
            if one.suite.scorer is not None
            for suite in (one.suite.name,)
            for name, value in judge_metrics(one.suite.scorer, plan.judges[suite]).items()
        },
    )


def make_plan(job: AttackJob) -> Plan:
    """The items, demonstrations and judges of a job.

    Raises:
        AlignmentError: names the suite that cannot be attacked so.
    """
    assets = Path(job.assets)
    _refuse_changes(job)
    chosen = tuple(
        choose_items(suite, load_suite(suite, assets), job.attacks) for suite in job.suites
    )
    own = {one.suite.name: one.demonstrations for one in chosen if one.suite.has_options}
    lent: Sequence[Item] = ()
    if job.demonstrations is not None:
        suite = job.demonstrations
        lent = own[suite.name] if suite.name in own else load_suite(suite, assets)
    return Plan(
        chosen,
        {one.suite.name: own.get(one.suite.name, lent) for one in chosen},
        {
            suite.name: make_judge(suite.scorer, assets)
            for suite in job.suites
            if suite.scorer is not None and not suite.has_options
        },
    )


def _refuse_changes(job: AttackJob) -> None:
    for suite in read_suites(job.suites, job.demonstrations):
        if content_digest(suite, Path(job.assets)) != job.digests.get(suite.name):
            message = "its items or word lists changed after the attacks were started"
            raise DataError(f"suite {suite.name}: {message}: run them again")


@dataclass(frozen=True)
class _StageAttack:
    """All attacks on the model of one stage."""

    job: AttackJob
    plan: Plan
    stage: Stage
    progress: Progress
    written: AttackTables
    device: torch.device

    def run(self) -> None:
        checkpoint = load_checkpoint(Path(self.job.checkpoints[self.stage]), self.device)
        asked_behind = prompt_ids(checkpoint.model)
        renderer = Renderer(checkpoint.tokenizer, self.stage, asked_behind)
        subject = AttackedModel(checkpoint.model, renderer, self.job.batch_tokens)
        attacks = self.job.attacks
        search = Search(
            subject, Vocabulary(checkpoint.tokenizer, renderer), attacks.search, attacks.seed
        )
        first = len(self.written.attacks)
        targets: dict[tuple[str, str], Target] = {}
        for number, chosen in enumerate(self.plan.chosen):
            for done, method in enumerate(attacks.methods, start=1):
                started = time.monotonic()
                cases = self._cases(chosen, method, search)
                outcomes = measure(subject, checkpoint.tokenizer, cases, self.plan.judges)
                self.written.attacks += [
                    row(subject, case, outcome)
                    for case, outcome in zip(cases, outcomes, strict=True)
                ]
                for case in cases:
                    targets[chosen.suite.name, case.target.item.item_id] = case.target
                self.written.seconds[method] += time.monotonic() - started
                total = len(self.plan.chosen) * len(attacks.methods)
                self.progress.report(
                    self.stage, number * len(attacks.methods) + done, total, "attacks"
                )
        rows = self.written.attacks[first:]
        self.written.reproduced += reproduce(
            subject, checkpoint.tokenizer, targets, rows, self.plan.judges
        )

    def _cases(self, chosen: AttackItems, method: AttackMethod, search: Search) -> list[Case]:
        if method in SEARCHES:
            return self._search_cases(chosen, method, search)
        renderer, attacks = search.subject.renderer, self.job.attacks
        items = self.plan.shown[chosen.suite.name]
        shown = Demonstrations(items, self.stage, renderer, attacks.seed)
        cases = []
        for target in self._targets(chosen, chosen.attacked):
            try:
                conversation = make_conversation(method, target, shown, attacks, renderer)
            except NotFittingError as error:
                self._leave_out(target, method, str(error))
            else:
                cases.append(Case(target, method, conversation))
        return cases

    def _search_cases(
        self, chosen: AttackItems, method: AttackMethod, search: Search
    ) -> list[Case]:
        fitting = []
        for target in self._targets(chosen, chosen.items_to_search(self.job.attacks)):
            (needed,) = target.tokens_needed(search.subject.renderer, [target.plain])
            needed += self.job.attacks.search.tokens
            if needed > target.context:
                reason = f"{needed} tokens do not fit into the context of {target.context}"
                self._leave_out(target, method, reason)
            else:
                fitting.append(target)
        return [
            Case(state.target, method, search.conversation(state, state.suffix), state.queries)
            for state in search.run(method, fitting, self._report(method))
        ]

    def _targets(self, chosen: AttackItems, items: Sequence[Item]) -> list[Target]:
        room = self.job.attacks.max_new_tokens
        context = self.job.sequence_length
        return [Target(chosen.suite, item, self.stage, context, room) for item in items]

    def _leave_out(self, target: Target, method: AttackMethod, reason: str) -> None:
        # Published prompts vary in length, and nobody here can mend them: those are listed.
        if method == "none" and target.suite.has_options:
            item = target.item
            raise DataError(
                f"{item.place}: suite {item.suite}, item {item.item_id[:12]}, stage {self.stage}: "
                f"{reason} (with {target.max_new_tokens} generated ones)"
            )
        self.written.not_applied.append({**key_columns(target, method), "reason": reason})

    def _report(self, method: AttackMethod) -> Callable[[int, int], None]:
        stage = f"{self.stage}: {method}"
        return lambda done, total: self.progress.report(stage, done, total, "rounds")


def main(argv: list[str] | None = None) -> int:
    """Run the job of a configuration file; the exit code is 3 after a user's mistake."""
    return run_job(attack, AttackJob, argv)


if __name__ == "__main__":
    sys.exit(main())
