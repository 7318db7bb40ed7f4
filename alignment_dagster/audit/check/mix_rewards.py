"""What the tokens of a mix are weighed by, against the recorded scores of its documents."""

import numpy as np

from alignment_dagster import chain
from alignment_dagster.audit.check.scope import Scope
from alignment_dagster.lineage import file_names
from alignment_dagster.lineage.lake import Artifact
from alignment_dagster.lineage.partition_keys import recipe_of
from alignment_dagster.lineage.shards import shard_files
from alignment_dagster.mixing.document_scores import ScoreFiles, read_scores
from alignment_dagster.mixing.kept_documents import read_kept_documents
from alignment_dagster.mixing.misrewarded_tokens import find_misrewarded
from alignment_dagster.mixing.rewards import decide_rewards
from alignment_dagster.mixing.tokenizer import load_tokenizer, token_bytes
from alignment_dagster.study.conditions import METADATA
from alignment_dagster.study.objectives import Reward
from alignment_dagster.study.treatments import sentence_scorer


def check_rewards(scope: Scope, artifact: Artifact) -> None:
    """Every token has the reward of its document or sentence, where rewards are declared."""
    declared = artifact.provenance.declared.get("reward")
    subject = f"{artifact.label} {file_names.REWARDS}"
    has_rewards = file_names.REWARDS in artifact.manifest.files
    if has_rewards != bool(declared):
        message = "is not there" if declared else "is there, and the recipe rewards nothing"
        scope.findings.gap("ledgers", subject, message)
    if not has_rewards or not declared:
        return
    reward = Reward.model_validate(declared)
    corpora = scope.parents(artifact, chain.RAW_CORPUS)
    documents = [path for one in corpora for path in shard_files(one, file_names.RAW_DOCUMENTS)]
    part = file_names.pretraining_part(recipe_of(artifact.partition))
    kept = read_kept_documents(scope.parent(artifact, chain.DISPOSITIONS).path / part, documents)
    files = _score_files(scope, artifact, corpora, reward)
    columns = [reward.named] if reward.per == "document" else []
    rewards = decide_rewards(kept, reward, files, read_scores(kept, files, columns))
    tokenizer = load_tokenizer(scope.parent(artifact, chain.TOKENIZER).path)
    problem = find_misrewarded(artifact.path, rewards, kept, token_bytes(tokenizer))
    rewarded = np.load(artifact.path / file_names.REWARDS, mmap_mode="r", allow_pickle=False).size
    scope.findings.gap_if(problem, "ledgers", subject, f"{problem}")
    scope.findings.counts["rewarded tokens"] += rewarded


def _score_files(
    scope: Scope, artifact: Artifact, corpora: list[Artifact], reward: Reward
) -> ScoreFiles:
    """The shards of what the reward is, in the order of the documents' shards."""
    if reward.scorer == METADATA:
        return ScoreFiles(
            metadata=[path for one in corpora for path in shard_files(one, file_names.METADATA)]
        )
    scorer = reward.scorer if reward.per == "document" else sentence_scorer(reward.scorer)
    scored = [scope.parent(artifact, chain.SCORED_CORPUS, one.partition) for one in corpora]
    table = file_names.scores(scorer)
    return ScoreFiles({scorer: [path for one in scored for path in shard_files(one, table)]})
