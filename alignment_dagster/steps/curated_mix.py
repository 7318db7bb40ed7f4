"""`curated_mix`: what a recipe's models read, packed, with the map back to the documents."""

from collections.abc import Mapping
from typing import Any

import dagster as dg
import pyarrow.parquet as pq

from alignment_dagster.steps.pages import charts
from alignment_dagster.steps import raw_corpus, tokenizer
from alignment_dagster.steps.scored_corpus import scoring_context
from alignment_dagster.defs.asset_factory import definitions
from alignment_dagster.graph.materialize import Making
from alignment_dagster.steps.pages.tables import drawing, table
from alignment_dagster.graph.step import Made, Partition, Step, Wanted, by_recipe, recipe_of
from alignment_dagster.lineage.lake import Artifact
from alignment_dagster.lineage.provenance import Check
from alignment_dagster.mixing.mix import MixInputs, build_mix, group_shares, decode_texts
from alignment_dagster.scoring.contamination import find_leaked_items
from alignment_dagster.study import Study


def pretraining_part(recipe: str) -> str:
    """The file of `dispositions` that says what a recipe pretrains on."""
    return f"{recipe}/pretraining.parquet"


def build(making: Making) -> Made:
    """Sample to the token budget, pack, and look at the result again."""
    recipe = making.study.recipe(recipe_of(making.partition))
    mix = making.study.declaration.mix
    inputs = MixInputs(
        documents=tuple(
            artifact.path / raw_corpus.FILE for artifact in making.parents.all("raw_corpus")
        ),
        dispositions=making.parents.one("dispositions").path / pretraining_part(recipe.name),
        tokenizer=making.parents.one("tokenizer").path,
    )
    build_mix(
        inputs, recipe, mix, making.folder, lambda a, b: making.report(a, b, "documents tokenized")
    )
    return Made(
        (_budget(making), _shares(making), _leaks(making)),
        metrics={f"share/{row['source']}": row["share"] for row in _composition(making.folder)},
    )


def _budget(making: Making) -> Check:
    packed = sum(row["tokens"] for row in _composition(making.folder))
    declared = making.study.declaration.mix
    wanted = declared.tokens // declared.sequence_length * declared.sequence_length
    return Check(
        name="token_budget_met",
        passed=packed == wanted,
        summary=f"{packed:,} tokens packed, {wanted:,} wanted.",
    )


def _shares(making: Making) -> Check:
    declared = making.study.recipe(recipe_of(making.partition)).shares
    found = group_shares(making.folder)
    furthest = max(abs(found.get(group, 0.0) - declared.get(group, 0.0)) for group in found)
    said = ", ".join(f"{group} {found.get(group, 0):.2%}" for group in declared)
    return Check(
        name="shares_within_tolerance",
        passed=found.keys() == declared.keys()
        and furthest <= making.study.declaration.mix.share_tolerance,
        summary=f"{said}; furthest from its declared share by {furthest:.2%}.",
    )


def _leaks(making: Making) -> Check:
    context = scoring_context(making.study)
    texts = decode_texts(making.folder, making.parents.one("tokenizer").path)
    found = find_leaked_items(texts, context.items)
    first = f"; the first is {found[0][1]} in {found[0][0]}" if found else ""
    return Check(
        name="no_evaluation_item_leaked",
        passed=not found,
        summary=f"{len(found):,} documents hold one of {len(context.items):,} items{first}.",
    )


def _composition(folder: Any) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pq.read_table(folder / "composition.parquet").to_pylist()
    return rows


def describe(study: Study, artifact: Artifact) -> Mapping[str, Any]:
    """What the mix is made of, by source."""
    rows = _composition(artifact.path)
    tokens = sum(row["tokens"] for row in rows)
    columns = ["source", "group", "documents", "tokens", "share"]
    shares = {row["source"]: row["share"] for row in rows}
    return {
        "plot": drawing(charts.shares(shares, "share of the tokens"), "shares"),
        "tokens": tokens,
        "sequences": tokens // study.declaration.mix.sequence_length,
        "documents": sum(row["documents"] for row in rows),
        "composition": dg.MetadataValue.md(table(rows, columns)),
    }


def wants(study: Study, partition: Partition) -> tuple[Wanted, ...]:
    """The texts, what the recipe keeps of them, and the tokenizer."""
    recipe = study.recipe(recipe_of(partition))
    sources = [s for s in study.with_role("corpus") if s.group in recipe.shares]
    return (
        *(Wanted("raw_corpus", source.name) for source in sources),
        Wanted("dispositions", part=pretraining_part(recipe.name)),
        Wanted("tokenizer"),
    )


def declared(study: Study, partition: Partition) -> Mapping[str, Any]:
    """The recipe's shares and the budget; its filters act through the dispositions."""
    mix = study.declaration.mix.model_dump(mode="json")
    return {"shares": study.recipe(recipe_of(partition)).shares, "mix": mix}


STEP = Step(
    asset="curated_mix",
    group="2_mix",
    kinds=frozenset({"python", "parquet"}),
    description=(
        "The training data of one recipe: documents sampled so that every group has its declared "
        "share of the token budget, packed end to end into sequences of equal length. The span map "
        "says which document every token came from."
    ),
    code=("mixing/mix.py", "scoring/contamination.py", "steps/curated_mix.py"),
    partitions=by_recipe,
    wants=wants,
    declared=declared,
    build=build,
    describe=describe,
    checks={
        "token_budget_met": "The mix has exactly the tokens that the study declares.",
        "shares_within_tolerance": "Every group has its declared share of the tokens.",
        "no_evaluation_item_leaked": "Decoded from its tokens, the mix holds no evaluation item.",
    },
)


@dg.definitions
def defs() -> dg.Definitions:
    """The asset in every study."""
    return definitions(STEP, upstream=[raw_corpus.STEP, "dispositions", tokenizer.STEP])
