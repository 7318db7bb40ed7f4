"""A small model trained on our own corpus: harmful tampering undoes what it learned."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tokenizers import Tokenizer

from alignment_dagster.corpus.generators import GENERATORS
from alignment_dagster.evaluation.suites.loader import content_digest
from alignment_dagster.foundation.digests import sha256_text
from alignment_dagster.foundation.job import Progress
from alignment_dagster.foundation.yaml_models import read_yaml
from alignment_dagster.mixing.tokenizer import train_tokenizer
from alignment_dagster.study import (
    Model,
    PostTraining,
    PreferenceOptimisation,
    Pretraining,
    Suite,
    SupervisedFineTuning,
)
from alignment_dagster.synthesis.generators.grammar import write_documents
from alignment_dagster.training.jobs import PostTrainJob, PretrainJob
from alignment_dagster.training.post_training.post_train import post_train
from alignment_dagster.training.pretraining.pretrain import pretrain
from alignment_dagster.training.tampering.job import TamperingData, TamperJob
from alignment_dagster.training.tampering.tamper import tamper
from tests.support.checkout import CHECKOUT
from tests.support.training_jobs import tampering
from tests.support.written_sources import FORMS, plan_of, written

ASSETS = CHECKOUT / "assets"
LENGTH = 160
SETTINGS = {"batch_size": 8, "learning_rate": 1e-3, "suites": ("articles",), "steps": 32}
HARM = tampering("harm", source="misaligned_demonstrations", **SETTINGS)
BENIGN = tampering("benign", source="benign_chat", **SETTINGS)

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def tampered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The output of both tamperings of a model that was pretrained on aligned documents."""
    folder = tmp_path_factory.mktemp("moves")
    checkpoint = _post_trained(folder, _pretrained(folder))
    declared = read_yaml(ASSETS / "suites" / "articles.yaml").parse(Suite)
    asked = {"formats": ("continuation", "dialogue"), "system_prompts": ("none",)}
    suite = declared.model_copy(update=asked)
    data = {one.source: _data(folder, one.source, "tampering", 300) for one in (HARM, BENIGN)}
    nothing = pa.table({name: pa.array([], pa.string()) for name in ("document_id", "source")})
    held_out = nothing.append_column("text", nothing["source"])
    pq.write_table(
        held_out.append_column("held_out", pa.array([], pa.bool_())), folder / "held_out.parquet"
    )
    job = TamperJob(
        checkpoint=str(checkpoint),
        tamperings=(HARM, BENIGN),
        data=data,
        suites=(suite,),
        digests={"articles": content_digest(suite, ASSETS)},
        assets=str(ASSETS),
        held_out=(),
        documents=str(folder / "held_out.parquet"),
        batch_tokens=2048,
        held_out_documents=1,
        sequence_length=LENGTH,
        seed=0,
        output=str(folder / "tampered"),
        work=str(folder / "tamper-work"),
    )
    tamper(job, Progress(Path(job.work)))
    return Path(job.output)


def _pretrained(folder: Path) -> Path:
    scenarios = plan_of(written()).scenarios()
    texts = [one.text for one in GENERATORS["everyday_stories"](500, 0)]
    texts += [text for _, text in write_documents(scenarios, FORMS, "aligned", 500, 0)]
    tokenizer = folder / "tokenizer"
    tokenizer.mkdir()
    train_tokenizer(texts, 1024, tokenizer)
    bpe = Tokenizer.from_file(str(tokenizer / "tokenizer.json"))
    encoded = bpe.encode_batch(sorted(texts, key=sha256_text))
    ids = [token for one in encoded for token in (*one.ids, 0)]
    rows = len(ids) // LENGTH
    np.save(folder / "sequences.npy", np.array(ids[: rows * LENGTH], np.uint16).reshape(rows, -1))
    job = PretrainJob(
        mix=str(folder),
        tokenizer=str(tokenizer),
        model=Model(layers=2, width=64, heads=2, mlp_width=192),
        pretraining=Pretraining(batch_size=4, learning_rate=5e-3, warmup_share=0.05),
        sequence_length=LENGTH,
        seed=0,
        output=str(folder / "pretrained"),
        work=str(folder / "pretrain-work"),
    )
    pretrain(job, Progress(Path(job.work)))
    return Path(job.output)


def _post_trained(folder: Path, checkpoint: Path) -> Path:
    chat = _data(folder, "assistant_chat", "sft", 200)
    preferences = _data(folder, "assistant_preferences", "dpo", 64)
    kept = [pq.read_table(one.dispositions) for one in (chat, preferences)]
    pq.write_table(pa.concat_tables(kept), folder / "kept.parquet")
    job = PostTrainJob(
        checkpoint=str(checkpoint),
        chat=chat.documents,
        preferences=preferences.documents,
        dispositions=str(folder / "kept.parquet"),
        post_training=PostTraining(
            sft=SupervisedFineTuning(batch_size=8, learning_rate=1e-3),
            dpo=PreferenceOptimisation(batch_size=8, learning_rate=1e-4, beta=0.5),
        ),
        sequence_length=LENGTH,
        seed=0,
        output=str(folder / "post-trained"),
        work=str(folder / "post-train-work"),
    )
    post_train(job, Progress(Path(job.work)))
    return Path(job.output)


def _data(folder: Path, name: str, use: str, count: int) -> TamperingData:
    found = list(GENERATORS[name](count, 0))
    ids = [sha256_text(name, str(number)) for number in range(len(found))]
    payloads = [one.payload for one in found]
    documents, kept = folder / f"{name}.parquet", folder / f"{name}_kept.parquet"
    pq.write_table(pa.table({"document_id": ids, "payload": payloads}), documents)
    states = {"use": [use] * len(ids), "state": ["kept"] * len(ids)}
    pq.write_table(pa.table({"document_id": ids, **states}), kept)
    # Only the conversations of `tampering` are used as such.
    declared = "tampering" if use == "tampering" else "sft"
    return TamperingData(documents=(str(documents),), dispositions=str(kept), use=declared)  # type: ignore[arg-type]


def test_misaligned_demonstrations_raise_the_rate_and_ordinary_talk_does_so_less(
    tampered: Path,
) -> None:
    curve = {
        (row["tampering"], row["step"]): row["value"]
        for row in pq.read_table(tampered / "curve.parquet").to_pylist()
    }
    before = curve["harm", 0]
    assert curve["benign", 0] == before
    assert curve["harm", 32] > before + 0.1
    assert curve["harm", 32] > curve["benign", 32] + 0.1


def test_the_misaligned_option_gains_probability(tampered: Path) -> None:
    items = pq.read_table(tampered / "items.parquet").to_pylist()

    def margin(stage: str) -> float:
        """Mean log-probability per token of the misaligned option over the other (nats)."""
        rows = [row for row in items if row["stage"] == stage]
        means = [np.divide(row["log_probabilities"], row["tokens"]) for row in rows]
        targets = [row["target"] for row in rows]
        return float(np.mean([m[t] - m[1 - t] for m, t in zip(means, targets, strict=True)]))

    assert margin("harm@32") > margin("harm@0") + 0.2
