"""`curated_mix`: what a recipe's models read, packed, with the map back to the documents."""

from collections.abc import Mapping
from typing import Any

import pyarrow.compute as pc
import pyarrow.parquet as pq

from alignment_dagster import chain
from alignment_dagster.graph.build_context import BuildContext
from alignment_dagster.graph.parent_spec import ParentSpec
from alignment_dagster.graph.step import BuildResult, Step
from alignment_dagster.lineage import file_names
from alignment_dagster.lineage.partition_keys import Partition, recipe_of
from alignment_dagster.lineage.provenance import Check
from alignment_dagster.lineage.shards import shard_files
from alignment_dagster.mixing.budget import token_budget
from alignment_dagster.mixing.mix import (
    ROUNDING,
    MixInputs,
    build_mix,
    decode_texts,
    group_shares,
    read_composition,
)
from alignment_dagster.mixing.redaction import find_declared
from alignment_dagster.scoring.contamination import find_leaked_items
from alignment_dagster.scoring.pii import SCORER as PII
from alignment_dagster.steps.pages.curated_mix import page_metadata
from alignment_dagster.steps.scoring_context import scoring_context
from alignment_dagster.study import Redaction, Study


def build(context: BuildContext) -> BuildResult:
    """Sample to the token budget, pack, and look at the result again."""
    recipe = context.study.recipe(recipe_of(context.partition))
    mix = context.study.declaration.mix
    inputs = MixInputs(
        documents=tuple(
            path
            for artifact in context.parents.all(chain.RAW_CORPUS)
            for path in shard_files(artifact, file_names.RAW_DOCUMENTS)
        ),
        dispositions=context.parents.one(chain.DISPOSITIONS).path
        / file_names.pretraining_part(recipe.name),
        tokenizer=context.parents.one(chain.TOKENIZER).path,
    )
    build_mix(
        inputs,
        recipe,
        mix,
        context.folder,
        context.work,
        lambda a, b: context.report(a, b, "documents tokenized"),
    )
    tokens = token_budget(inputs.dispositions, recipe, mix)
    return BuildResult(
        (
            _budget(context, tokens),
            _shares(context, tokens),
            _leaks(context),
            _redacted(context, recipe.redact),
        ),
        metrics={
            f"share/{row['source']}": row["share"] for row in read_composition(context.folder)
        },
    )


def _budget(context: BuildContext, tokens: Mapping[str, float]) -> Check:
    packed = sum(row["tokens"] for row in read_composition(context.folder))
    wanted = sum(tokens.values())
    short = wanted - packed
    return Check(
        name="token_budget_met",
        passed=short + ROUNDING >= 0 and short < context.study.declaration.mix.sequence_length,
        summary=f"{packed:,} tokens packed, {wanted:,.0f} wanted.",
    )


def _shares(context: BuildContext, tokens: Mapping[str, float]) -> Check:
    wanted = {group: count / sum(tokens.values()) for group, count in tokens.items()}
    found = group_shares(context.folder)
    furthest = max(abs(found.get(group, 0.0) - wanted.get(group, 0.0)) for group in found)
    said = ", ".join(f"{group} {found.get(group, 0):.2%}" for group in wanted)
    return Check(
        name="shares_within_tolerance",
        passed=found.keys() == wanted.keys()
        and furthest <= context.study.declaration.mix.share_tolerance,
        summary=f"{said}; furthest from its declared share by {furthest:.2%}.",
    )


def _leaks(context: BuildContext) -> Check:
    items = scoring_context(context.study).items
    texts = decode_texts(context.folder, context.parents.one(chain.TOKENIZER).path)
    found = find_leaked_items(texts, items)
    first = f"; the first is {found[0][1]} in {found[0][0]}" if found else ""
    return Check(
        name="no_evaluation_item_leaked",
        passed=not found,
        summary=f"{len(found):,} documents hold one of {len(items):,} items{first}.",
    )


def _redacted(context: BuildContext, redaction: Redaction | None) -> Check:
    name = "nothing_left_to_redact"
    if redaction is None:
        return Check(name=name, passed=True, summary="The recipe redacts nothing.", blocking=False)
    texts = decode_texts(context.folder, context.parents.one(chain.TOKENIZER).path)
    left = [one for one, text in texts if find_declared(text, redaction.kinds)]
    table = pq.read_table(context.folder / file_names.REDACTIONS)
    said = f"{pc.sum(table['spans']).as_py() or 0:,} spans replaced in "
    said += f"{len(pc.unique(table['document_id'])):,} documents"
    first = f"; the first is {left[0]}" if left else ""
    return Check(
        name=name,
        passed=not left,
        summary=f"{said}; {len(left):,} still hold one{first}.",
        blocking=False,
    )


def parents(study: Study, partition: Partition) -> tuple[ParentSpec, ...]:
    """The texts, what the recipe keeps of them, and the tokenizer."""
    recipe = study.recipe(recipe_of(partition))
    sources = [s for s in study.with_role("corpus") if s.group in recipe.shares]
    return (
        *(ParentSpec(chain.RAW_CORPUS, source.name) for source in sources),
        ParentSpec(chain.DISPOSITIONS, part=file_names.pretraining_part(recipe.name)),
        ParentSpec(chain.TOKENIZER),
    )


def config(study: Study, partition: Partition) -> Mapping[str, Any]:
    """The recipe's shares and the budget; its filters act through the dispositions."""
    mix = study.declaration.mix.model_dump(mode="json")
    recipe = study.recipe(recipe_of(partition))
    declared = recipe.model_dump(mode="json", include={"replacement", "redact"})
    if recipe.redact is not None:
        declared["redact"]["version"] = PII.version
    return {"shares": recipe.shares, "mix": mix, **declared}


STEP = Step(
    asset=chain.CURATED_MIX,
    kinds=frozenset({"python", "parquet"}),
    description=(
        "The training data of one recipe: documents sampled so that every group has its declared "
        "share of the token budget, packed end to end into sequences of equal length. The span map "
        "says which document every token came from."
    ),
    code_version="1",
    modules=("mixing/mix.py", "scoring/contamination.py", "steps/curated_mix.py"),
    parents=parents,
    config=config,
    build=build,
    page_metadata=page_metadata,
    checks={
        "token_budget_met": "The mix has exactly the tokens that the study declares.",
        "shares_within_tolerance": "Every group has its declared share of the tokens.",
        "no_evaluation_item_leaked": "Decoded from its tokens, the mix holds no evaluation item.",
    },
    warnings={
        "nothing_left_to_redact": "Decoded from its tokens, the mix holds nothing that it redacts.",
    },
)
