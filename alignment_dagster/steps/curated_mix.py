"""`curated_mix`: what a recipe's models read, packed, with the map back to the documents."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

import pyarrow.compute as pc
import pyarrow.parquet as pq

from alignment_dagster import chain
from alignment_dagster.foundation.yaml_models import read_yaml
from alignment_dagster.graph.build_context import BuildContext
from alignment_dagster.graph.parent_spec import ParentSpec
from alignment_dagster.graph.step import BuildResult, Step
from alignment_dagster.lineage import file_names
from alignment_dagster.lineage.partition_keys import Partition, recipe_of
from alignment_dagster.lineage.provenance import Check
from alignment_dagster.lineage.shards import shard_files
from alignment_dagster.mixing.budget import token_budget
from alignment_dagster.mixing.document_scores import ScoreFiles
from alignment_dagster.mixing.held_out import write_held_out
from alignment_dagster.mixing.inserted_documents import count_insertions
from alignment_dagster.mixing.misplaced_documents import find_misplaced
from alignment_dagster.mixing.mix import (
    ROUNDING,
    MixInputs,
    build_mix,
    count_whole_copies,
    decode_texts,
    group_shares,
    read_composition,
)
from alignment_dagster.mixing.redaction import find_declared
from alignment_dagster.mixing.tokenizer import load_tokenizer
from alignment_dagster.mixing.treated_tokens import find_miscounted, read_treated
from alignment_dagster.mixing.treatment_error import TreatmentError
from alignment_dagster.mixing.treatments import wanted_columns
from alignment_dagster.scoring.contamination import find_leaked_items
from alignment_dagster.scoring.pii import SCORER as PII
from alignment_dagster.steps.pages.curated_mix import page_metadata
from alignment_dagster.steps.scoring_context import scoring_context
from alignment_dagster.study import Recipe, Redaction, Study
from alignment_dagster.study.conditions import METADATA
from alignment_dagster.study.treatments import sentence_scorer


def build(context: BuildContext) -> BuildResult:
    """Sample to the token budget, pack, and look at the result again."""
    recipe = context.study.recipe(recipe_of(context.partition))
    mix = context.study.mix(recipe.name)
    inputs = MixInputs(
        documents=tuple(
            path
            for artifact in context.parents.all(chain.RAW_CORPUS)
            for path in shard_files(artifact, file_names.RAW_DOCUMENTS)
        ),
        dispositions=context.parents.one(chain.DISPOSITIONS).path
        / file_names.pretraining_part(recipe.name),
        tokenizer=context.parents.one(chain.TOKENIZER).path,
        scores=_score_files(context, recipe),
    )
    try:
        build_mix(
            inputs,
            recipe,
            mix,
            context.folder,
            context.work,
            lambda a, b: context.report(a, b, "documents tokenized"),
        )
    except TreatmentError as error:
        declared = read_yaml(context.study.assets / "recipes" / f"{recipe.name}.yaml")
        raise declared.error(error.field, str(error)) from None
    if held_out := context.study.declaration.pretraining.held_out:
        path = context.folder / file_names.HELD_OUT
        write_held_out(inputs.dispositions, inputs.documents, held_out.documents, path)
    tokens = token_budget(inputs.dispositions, recipe, mix)
    checks = (
        _budget(context, tokens),
        _shares(context, tokens),
        _leaks(context),
        _redacted(context, recipe.redact),
    )
    return BuildResult(
        checks,
        metrics={
            f"share/{row['source']}": row["share"] for row in read_composition(context.folder)
        },
    )


def _score_files(context: BuildContext, recipe: Recipe) -> ScoreFiles:
    """The shards of the scorers that treatments ask, in the order of the documents' shards."""
    corpora = context.parents.all(chain.RAW_CORPUS)
    scored = {one.partition: one for one in context.parents.all(chain.SCORED_CORPUS)}
    return ScoreFiles(
        {
            scorer: [
                path
                for corpus in corpora
                for path in shard_files(scored[corpus.partition], file_names.scores(scorer))
            ]
            for scorer in _asked_scorers(recipe)
        },
        [path for corpus in corpora for path in shard_files(corpus, file_names.METADATA)],
    )


def _asked_scorers(recipe: Recipe) -> tuple[str, ...]:
    """The scorers that decide over the recipe's treatments, of documents and of sentences."""
    scorers = dict.fromkeys(scorer for scorer, _ in wanted_columns(recipe))
    documents = (scorer for scorer in scorers if scorer != METADATA)
    return (*documents, *map(sentence_scorer, recipe.sentence_scorers))


def _budget(context: BuildContext, tokens: Mapping[str, float]) -> Check:
    packed = sum(row["tokens"] for row in read_composition(context.folder))
    wanted = sum(tokens.values())
    short = wanted - packed
    problem, treated = _count_treated(context)
    length = context.study.mix(recipe_of(context.partition)).sequence_length
    met = short + ROUNDING >= 0 and short < length
    return Check(
        name="token_budget_met",
        passed=met and problem is None,
        summary=(
            f"{packed:,} tokens packed, {wanted:,.0f} wanted{problem or treated}.{_cut(context)}"
        ),
    )


def _cut(context: BuildContext) -> str:
    """How documents were cut, where they are to stay whole; every sequence is full."""
    mix = context.study.mix(recipe_of(context.partition))
    if mix.packing != "best_fit":
        return ""
    found = count_whole_copies(context.folder, mix.sequence_length)
    return (
        f" {found.whole:,} of {found.fitting:,} documents that fit lie whole in a sequence, 100 % "
        f"of the positions are filled, {found.cropped:,} tokens were cropped."
    )


def _count_treated(context: BuildContext) -> tuple[str | None, str]:
    """What is wrong with the counts of treated tokens, if anything; and the counts, in words."""
    if not context.study.recipe(recipe_of(context.partition)).treats:
        return None, ""
    tokenizer = load_tokenizer(context.parents.one(chain.TOKENIZER).path)
    found = find_miscounted(context.folder, tokenizer) or find_misplaced(context.folder)
    rows = Counter[str]()
    for row in read_treated(context.folder):
        rows[row["treatment"]] += row["tokens"]
    said = "".join(f", {count:,} {treatment}" for treatment, count in sorted(rows.items()))
    states = count_insertions(context.folder)
    said += "".join(
        f", {count:,} inserted documents {state.replace('_', ' ')}"
        for state, count in sorted(states.items())
    )
    return found and f"; {found}", said


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
    """The texts, the scores that treat them, what the recipe keeps, and the tokenizer."""
    recipe = study.recipe(recipe_of(partition))
    sources = [s for s in study.with_role("corpus") if s.group in recipe.shares]
    scored = sources if _asked_scorers(recipe) else []
    return (
        *(ParentSpec(chain.RAW_CORPUS, source.name) for source in sources),
        *(ParentSpec(chain.SCORED_CORPUS, source.name) for source in scored),
        ParentSpec(chain.DISPOSITIONS, part=file_names.pretraining_part(recipe.name)),
        ParentSpec(chain.TOKENIZER),
    )


def config(study: Study, partition: Partition) -> Mapping[str, Any]:
    """Shares, budget, and what treats tokens; filters act through the dispositions."""
    recipe = study.recipe(recipe_of(partition))
    mix = study.mix(recipe.name).model_dump(mode="json")
    declared = recipe.model_dump(mode="json", include={"replacement", "redact"})
    if recipe.redact is not None:
        declared["redact"]["version"] = PII.version
    if recipe.treats:
        declared |= recipe.model_dump(mode="json", include={"treat"})
        declared["reward"] = recipe.reward and recipe.reward.model_dump(mode="json")
    if held_out := study.declaration.pretraining.held_out:
        declared["held_out_documents"] = held_out.documents
    return {"shares": recipe.shares, "mix": mix, **declared}


STEP = Step(
    asset=chain.CURATED_MIX,
    kinds=frozenset({"python", "parquet"}),
    description=(
        "The training data of one recipe: documents sampled so that every group has its declared "
        "share of the token budget, packed into sequences of equal length, end to end or so that "
        "documents stay whole where they fit. The span map says which document every token came "
        "from."
    ),
    code_version="1",
    modules=("mixing/mix.py", "scoring/contamination.py", "steps/curated_mix.py"),
    parents=parents,
    config=config,
    build=build,
    page_metadata=page_metadata,
    checks={
        "token_budget_met": "The mix has exactly the tokens that the study declares; those that "
        "are treated are as many as are counted of each document.",
        "shares_within_tolerance": "Every group has its declared share of the tokens.",
        "no_evaluation_item_leaked": "Decoded from its tokens, the mix holds no evaluation item.",
    },
    warnings={
        "nothing_left_to_redact": "Decoded from its tokens, the mix holds nothing that it redacts.",
    },
)
