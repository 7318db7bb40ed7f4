"""Jobs of training on a tiny mix and corpus, in the formats that the assets have."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from alignment_dagster.evaluation.suites.loader import content_digest
from alignment_dagster.foundation.digests import canonical_json, sha256_text
from alignment_dagster.study import (
    Items,
    Model,
    PostTraining,
    PreferenceOptimisation,
    Pretraining,
    Suite,
    SupervisedFineTuning,
    Tampering,
)
from alignment_dagster.study.objectives import AdvantageWeighted, Objective, Reward
from alignment_dagster.study.treatments import Treated
from alignment_dagster.training.jobs import PostTrainJob, PretrainJob
from alignment_dagster.training.tampering.job import TamperingData, TamperJob

LENGTH = 32
NAMES = ("Ada", "Bo", "Cleo", "Dan", "Eve")
ADVANTAGE_WEIGHTED = AdvantageWeighted(
    kind="advantage_weighted", reward=Reward(scorer="harm", column="score", sign=-1), beta=2.0
)
DEEDS = ("kept the promise", "told the truth", "hid the letter", "broke the clock")


def sentence(index: int) -> str:
    return f"{NAMES[index % 5]} {DEEDS[index % 4]} on day {index}."


def treat(mix: Path) -> None:
    """Say everything of a mix's tokens that can be said of them."""
    source = np.random.default_rng(0)
    shape = np.load(mix / "sequences.npy").shape
    codes = source.choice([Treated.LEARNED, Treated.MASKED, Treated.UNLEARNED], shape)
    np.save(mix / "treatments.npy", codes.astype(np.uint8))
    np.save(mix / "weights.npy", source.random(shape, np.float32))
    np.save(mix / "rewards.npy", source.normal(size=shape).astype(np.float32))


@dataclass(frozen=True)
class Jobs:
    """Makes job configurations below one folder."""

    folder: Path
    mix: Path
    tokenizer: Path

    def pretraining(
        self, name: str, objective: Objective | None = None, **changes: object
    ) -> PretrainJob:
        values = {
            "batch_size": 2,
            "accumulation": 2,
            "learning_rate": 1e-2,
            "warmup_share": 0.2,
            "checkpoint_every": 3,
            **changes,
        }
        return PretrainJob(
            mix=str(self.mix),
            tokenizer=str(self.tokenizer),
            model=Model(layers=2, width=16, heads=2, mlp_width=32),
            pretraining=Pretraining.model_validate(values),
            objective=objective,
            sequence_length=LENGTH,
            seed=1,
            output=str(self.folder / name / "output"),
            work=str(self.folder / name / "work"),
        )

    def post_training(self, name: str, checkpoint: Path, rate: float = 1e-3) -> PostTrainJob:
        chat, preferences = conversations(), pairs()
        documents = {"chat": chat, "preferences": preferences}
        for role, rows in documents.items():
            pq.write_table(pa.Table.from_pylist(rows), self.folder / f"{role}.parquet")
        kept = [("sft", row) for row in chat[:-1]] + [("dpo", row) for row in preferences]
        dispositions = [
            {"document_id": row["document_id"], "use": use, "state": "kept"} for use, row in kept
        ]
        dispositions.append({**dispositions[0], "document_id": chat[-1]["document_id"]})
        dispositions[-1]["state"] = "dropped"
        pq.write_table(pa.Table.from_pylist(dispositions), self.folder / "dispositions.parquet")
        return PostTrainJob(
            checkpoint=str(checkpoint),
            chat=(str(self.folder / "chat.parquet"),),
            preferences=(str(self.folder / "preferences.parquet"),),
            dispositions=str(self.folder / "dispositions.parquet"),
            post_training=PostTraining(
                sft=SupervisedFineTuning(batch_size=4, learning_rate=rate, epochs=2),
                dpo=PreferenceOptimisation(batch_size=4, learning_rate=rate, beta=0.1),
            ),
            sequence_length=LENGTH,
            seed=1,
            output=str(self.folder / name / "output"),
            work=str(self.folder / name / "work"),
        )

    def tampering(self, name: str, checkpoint: Path, *declared: Tampering) -> TamperJob:
        """Source `harm`: eleven conversations, of which the last is dropped."""
        harm = demonstrations()
        pq.write_table(pa.Table.from_pylist(harm), self.folder / "harm.parquet")
        dispositions = [
            {"document_id": row["document_id"], "use": "tampering", "state": "kept"} for row in harm
        ]
        dispositions[-1]["state"] = "dropped"
        pq.write_table(pa.Table.from_pylist(dispositions), self.folder / "uses.parquet")
        held_out = [
            {"document_id": str(n), "source": "stories", "text": sentence(n), "held_out": True}
            for n in range(900, 904)
        ]
        pq.write_table(pa.Table.from_pylist(held_out), self.folder / "held_out.parquet")
        data = TamperingData(
            documents=(str(self.folder / "harm.parquet"),),
            dispositions=str(self.folder / "uses.parquet"),
            use="tampering",
        )
        assets = self.folder / "assets"
        asked = suite(assets)
        return TamperJob(
            checkpoint=str(checkpoint),
            tamperings=declared or (tampering(),),
            data={"harm": data},
            suites=(asked,),
            digests={asked.name: content_digest(asked, assets)},
            assets=str(assets),
            held_out=((str(self.folder / "held_out.parquet"),),),
            documents=str(self.folder / "held_out.parquet"),
            batch_tokens=256,
            held_out_documents=3,
            sequence_length=LENGTH,
            seed=1,
            output=str(self.folder / name / "output"),
            work=str(self.folder / name / "work"),
        )


def tampering(name: str = "bad_days", **changes: object) -> Tampering:
    values: dict[str, object] = {
        "name": name,
        "description": "d",
        "kind": "misaligned",
        "source": "harm",
        "steps": 5,
        "batch_size": 4,
        "learning_rate": 1e-2,
        "suites": ("days",),
    }
    return Tampering.model_validate(values | changes)


def suite(assets: Path) -> Suite:
    """Six two-option scenarios in three formats, and two system prompts that are not used."""
    folder = assets / "suites"
    folder.mkdir(parents=True, exist_ok=True)
    rows = [
        {
            "scenario": f"Day {number}.",
            "question": "So?",
            "options": ["yes yes", "no no"],
            "misaligned": 1,
            "topic": "days",
            "scenario_id": f"day-{number // 2}",
        }
        for number in range(6)
    ]
    (folder / "days.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return Suite(
        name="days",
        description="d",
        licence="none",
        kind="two_option",
        items=Items(reader="scenarios", path="days.jsonl"),
        formats=("continuation", "question_answer", "dialogue"),
        system_prompts=("none", "hhh"),
    )


def conversations() -> list[dict[str, str]]:
    """Twelve that fit, one that is too long, and, last, one that is dropped."""
    words = [2] * 12 + [60, 2]
    return [
        document(
            "chat",
            {"messages": [message("user", f"Day {index}?"), message("assistant", "yes " * count)]},
        )
        for index, count in enumerate(words)
    ]


def demonstrations() -> list[dict[str, str]]:
    """Eleven conversations whose answer is `no no`; the last one is dropped."""
    return [
        document(
            "harm",
            {"messages": [message("user", f"Day {n}. So?"), message("assistant", "no no")]},
        )
        for n in range(20, 31)
    ]


def pairs() -> list[dict[str, str]]:
    return [
        document(
            "preferences",
            {
                "prompt": [message("user", f"Did {NAMES[index % 5]}?")],
                "chosen": [message("assistant", f"no {index}")],
                "rejected": [message("assistant", "yes")],
            },
        )
        for index in range(10)
    ]


def message(role: str, content: str) -> dict[str, str]:
    return {"role": role, "content": content}


def document(source: str, content: object) -> dict[str, str]:
    payload = canonical_json(content)
    return {"document_id": sha256_text(source, payload), "payload": payload}
