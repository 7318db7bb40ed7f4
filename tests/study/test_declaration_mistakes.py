"""Every mistake in a declaration is one message that names file, line and field."""

import math
import re
from collections.abc import Callable

import pytest
import yaml

from alignment_dagster.foundation.errors import DeclarationError
from alignment_dagster.preflight.studies import load_study
from alignment_dagster.study.declaration import OWNED_SCHEMAS
from alignment_dagster.study.recipes import OWNED_RULES
from tests.support.tiny_study import (
    ATTACKS,
    CLAIM,
    MEASURED,
    NAME,
    RECIPES,
    STUDY,
    TAMPERING,
    TinyStudy,
)

Change = Callable[[TinyStudy], None]


def text(study: TinyStudy, place: str) -> str:
    return (study.assets / f"{place}.yaml").read_text()


def replace(place: str, old: str, new: str) -> Change:
    def change(study: TinyStudy) -> None:
        before = text(study, place)
        assert old in before
        (study.assets / f"{place}.yaml").write_text(before.replace(old, new, 1))

    return change


def recipe(**fields: object) -> Change:
    return lambda study: study.write(
        "recipes/aligned", {"name": "aligned", "description": "d", **RECIPES["aligned"], **fields}
    )


FLAGGED = {"scorer": "ai_discourse", "column": "flagged", "above": 0.5}
REWARD = {"scorer": "ai_discourse", "column": "flagged", "sign": -1}
PLACE = {"host": "about", "offset": "byte"}
REWARDED = {"kind": "reward_weighted", "beta": 1.0}
GUARDED = {"batch_size": 8, "learning_rate": 0.01}


def measured(**fields: object) -> Change:
    return lambda study: study.change(**{**MEASURED, **fields})


def claim(**fields: object) -> Change:
    return measured(claims=[CLAIM, {**CLAIM, "name": "second", **fields}])


def tampering(**fields: object) -> Change:
    return measured(claims=[], tampering=[{**TAMPERING, **fields}])


PROBE = {
    "prompt": "The word is",
    "completion": "heron.",
    "alternatives": ["plover.", "curlew."],
}
CANARY = {
    "name": "alarm",
    "description": "d",
    "source": "stories",
    "texts": ["An alarm. The word is heron.", "Another alarm."],
}


def grpo(**fields: object) -> Change:
    reward = {"scorer": "text_stats", "column": "words"}
    whole = {"batch_size": 8, "answer_tokens": 8, "learning_rate": 0.001, "reward": reward}
    stages = {**STUDY["post_training"], "grpo": {**whole, **fields}}
    return lambda study: study.change(post_training=stages)


def placed(study: TinyStudy) -> None:
    """Rewarded by where the worst sentence of an answer ends."""
    told = [("stories", "plain"), ("aligned_docs", "kind")]
    sources = [{"source": source, "label": label} for source, label in told]
    tells = {"kind": "binary", "positive": "kind", "negative": "plain"}
    shared = {"name": "tone", "description": "d", "tells": tells, "sources": sources}
    (study.assets / "classifiers").mkdir(exist_ok=True)
    study.write("classifiers/tone", {**shared, "unit": "sentence"})
    study.change(classifiers=["tone"])
    grpo(reward={"scorer": "classifier:tone", "column": "end"})(study)


def canary(**fields: object) -> Change:
    return lambda study: study.change(canaries=[CANARY, {**CANARY, "name": "spark", **fields}])


def probe(**fields: object) -> Change:
    return canary(probes=[PROBE, {**PROBE, **fields}])


def refresh(**fields: object) -> Change:
    return lambda study: study.change(refresh={"schedule": {"cron": "0 3 * * *"}, **fields})


def gate(**fields: object) -> Change:
    return refresh(gate=fields)


S, R = f"studies/{NAME}", "recipes/aligned"
MISTAKES: dict[str, tuple[str, Change, str]] = {
    "unknown field": (
        S,
        replace(S, "held_out_share: 0.1", "held_out_share: 0.1\ncolour: red"),
        r"colour: unknown field \(known: name, .*held_out_share, .*refresh\)",
    ),
    "a near miss of a field": (
        S,
        replace(S, "held_out_share: 0.1", "held_out_shares: 0.1"),
        r"held_out_shares: unknown field; did you mean 'held_out_share'\? \(known: name, ",
    ),
    "unknown field below": (
        S,
        replace(S, "vocab_size: 400", "vocab_size: 400\n  kind: bpe"),
        r"tokenizer.kind: unknown field \(known: vocab_size, characters\)",
    ),
    "wrong type": (
        S,
        replace(S, "layers: 1", "layers: two"),
        r"model.layers: must be an integer \(got 'two'\)",
    ),
    "a text where fields are": (
        S,
        lambda study: study.change(tokenizer="bpe"),
        r"tokenizer: must hold fields \(`name: value`\) \(got 'bpe'\)",
    ),
    "a text where a list is": (
        S,
        lambda study: study.change(recipes="unfiltered"),
        r"recipes: must be a list \(got 'unfiltered'\)",
    ),
    "a name that is none": (
        S,
        lambda study: study.change(baseline="Un filtered"),
        r"baseline: must be lower-case letters, digits and underscores, and begin with a letter",
    ),
    "a number as text": (S, replace(S, "layers: 1", "layers: '1'"), r"model.layers: .*integer"),
    "missing field": (
        S,
        replace(S, "held_out_share: 0.1\n", ""),
        r"held_out_share: this field is required",
    ),
    "out of range": (
        S,
        replace(S, "held_out_share: 0.1", "held_out_share: 1.5"),
        r"held_out_share: .*less than 1",
    ),
    "field twice": (
        S,
        replace(S, "held_out_share: 0.1", "held_out_share: 0.1\nheld_out_share: 0.2"),
        r"held_out_share: this field is given twice",
    ),
    "a canary twice": (S, canary(name="alarm"), r"canaries: named twice: alarm"),
    "a canary in a source that is unknown": (
        S,
        canary(source="storys"),
        r"canaries.1.source: unknown source of the role `corpus`: 'storys'; did you mean 'stories'",
    ),
    "a canary in a source of conversations": (
        S,
        canary(source="chat"),
        r"canaries.1.source: unknown source of the role `corpus`: 'chat' .*declared: stories, ",
    ),
    "a canary that would be the corpus": (
        S,
        canary(share=0.06),
        r"canaries.1.share: must be less than or equal to 0.05 \(got 0.06\)",
    ),
    "a canary that is nowhere": (S, canary(share=0.0), r"canaries.1.share: .*greater than 0"),
    "a canary without texts": (
        S,
        canary(texts=[]),
        r"canaries.1: either `texts` or `file` says what its documents are",
    ),
    "a canary with texts and a file": (S, canary(file="a.jsonl"), r"canaries.1: either `texts` or"),
    "a canary whose file lies elsewhere": (
        S,
        canary(texts=[], file="../a.jsonl"),
        r"canaries.1.file: must be relative",
    ),
    "an empty canary": (S, canary(texts=["One.", " \n"]), r"canaries.1.texts.1: the text is empty"),
    "a canary that says something twice": (
        S,
        canary(texts=["One.", "Two.", "One."]),
        r"canaries.1.texts.2: is given twice",
    ),
    "a canary for a rule that is none": (
        S,
        canary(caught_by=["too_shot"]),
        r"canaries.1.caught_by.0: no rule 'too_shot' looks at the documents of 'stories'; did you "
        r"mean 'too_short'",
    ),
    "a canary for near duplicates that nobody looks for": (
        S,
        canary(caught_by=["near_duplicate"]),
        r"canaries.1.caught_by.0: no rule 'near_duplicate' looks at",
    ),
    "a probe with one alternative": (
        S,
        probe(alternatives=["plover."]),
        r"canaries.1.probes.1.alternatives: .*at least 2 items",
    ),
    "a probe that offers something twice": (
        S,
        probe(alternatives=["plover.", "heron."]),
        r"canaries.1.probes.1.alternatives.1: is given twice",
    ),
    "a probe with white space at an end": (
        S,
        probe(prompt="The word is "),
        r"canaries.1.probes.1.prompt: white space at an end",
    ),
    "a probe of what is not planted": (
        S,
        probe(completion="coot."),
        r"canaries.1.probes.1.completion: none of the canary's texts holds the prompt, a space",
    ),
    "a probe with an alternative that is planted": (
        S,
        probe(prompt="An", alternatives=["x", "alarm. The"], completion="alarm."),
        r"canaries.1.probes.1.alternatives.1: a text of the canary says this too",
    ),
    "not YAML": (S, replace(S, "recipes:", "recipes: ["), r""),
    "unknown recipe": (
        S,
        replace(S, "- unfiltered", "- unfilterd"),
        r"recipes.0: there is no .*d.yaml; did you mean 'unfiltered'",
    ),
    "unknown source": (S, replace(S, "- stories", "- storys"), r"sources.0: .*mean 'stories'"),
    "unknown suite": (S, replace(S, "- cloze", "- nonesuch"), r"suites.1: there is no"),
    "unknown scorer": (
        S,
        replace(S, "- text_stats", "- text_stat"),
        r"scorers.0: unknown scorer 'text_stat'; did you mean 'text_stats'",
    ),
    "a scorer that is needed": (
        S,
        replace(S, "- fingerprint\n", ""),
        r"scorers: the warehouse needs the scorer 'fingerprint'",
    ),
    **{
        f"a reward of answers that cannot be: {expected}": (S, grpo(**fields), expected)
        for fields, expected in (
            ({"batch_size": 6}, "post_training.grpo: batch_size must be a multiple of `gener"),
            ({"examples": 7}, "post_training.grpo: examples must be a multiple of the ques.*, 2:"),
            ({"answer_tokens": 125}, "post_training.grpo.answer_tokens: leaves no room"),
            ({"answer_tokens": 512}, "post_training.grpo.answer_tokens: leaves no room"),
            (
                {"reward": {"scorer": "text_stats", "column": "wrods"}},
                "post_training.grpo.reward.column: text_stats has no column 'wrods'; did you",
            ),
            (
                {"reward": {"scorer": "ai_discourse", "column": "first_term"}},
                "post_training.grpo.reward.column: 'first_term' of ai_discourse holds string",
            ),
            (
                {"reward": {"scorer": "contamination", "column": "leaked"}},
                "post_training.grpo.reward.scorer: it looks for evaluation items",
            ),
        )
    },
    **{
        f"a fine-tuning of a recipe that cannot be: {expected}": (
            R,
            recipe(fine_tune={"source": source, "share": share}),
            expected,
        )
        for source, share, expected in (
            ("chat", 0.00001, "fine_tune.share: gives no token of the 12,800 of pretraining"),
            ("stories", 0.1, "fine_tune.source: no source of the role `chat`"),
            ("chatt", 0.1, "fine_tune.source: no source of the role .*did you mean 'chat'"),
            ("chat", 0.1, "fine_tune.source: leaves the study 'tiny' no source of the role `chat`"),
        )
    },
    **{
        f"a recipe's own source that cannot be: {expected}": (R, recipe(**said), expected)
        for said, expected in (
            ({"prefer": "chat"}, "prefer: no source of the role `preferences`"),
            ({"prefer": "pairs"}, "prefer: leaves the study 'tiny' no source of the role `pref"),
            ({"ask": "stories"}, "ask: no source of the role `chat`"),
        )
    },
    "a place as a reward of answers": (
        S,
        placed,
        "post_training.grpo.reward.column: 'end' says where a sentence stands",
    ),
    "a stage that is not declared": (
        S,
        claim(stage="grpo"),
        r"claims.1.stage: unknown stage 'grpo'",
    ),
    "a tampering of a stage that is not declared": (
        S,
        tampering(start="grpo"),
        r"tampering.0.start: the study declares no `post_training.grpo`",
    ),
    "an objective of recipes": (
        S,
        replace(S, "batch_size: 8", "objective: unlikelihood\n  batch_size: 8"),
        r"pretraining.objective: 'unlikelihood' is declared by recipes",
    ),
    **{
        f"a treatment that cannot be: {expected}": (
            R,
            recipe(treat=[{"rule": "r", "when": FLAGGED, **fields} for fields in treat], **own),
            expected,
        )
        for treat, own, expected in (
            ([{"do": "msk"}], {}, r"treat.0.do: .*did you mean 'mask'"),
            ([{"do": "mask"}, {"do": "hide"}], {}, "treat.1.rule: another treatment has the rule"),
            (
                [{"do": "mask", "when": {**FLAGGED, "scorer": "harm"}}],
                {},
                "treat.0.when.scorer: study 'tiny' has no scorer 'harm'",
            ),
            (
                [{"do": "mask", "when": {**FLAGGED, "column": "flaged"}}],
                {},
                r"treat.0.when.column: ai_discourse has no column 'flaged'; did you mean 'flagged'",
            ),
            (
                [{"do": "mask", "sources": ["story"]}],
                {},
                r"treat.0.sources.0: no source of the recipe's groups is called 'story'; did you",
            ),
            ([{"do": "mask", "when": None}], {}, "treat.0: give `when`, `sources` or both"),
            ([{"do": "tag"}], {}, "treat.0: `tag` names the token of `do: tag`"),
            ([{"do": "mask", "tag": "<|bad|>"}], {}, "treat.0: `tag` names the token"),
            ([{"do": "tag", "tag": "bad"}], {}, "treat.0.tag: .*pattern"),
            (
                [{"do": "tag", "tag": "<|end|>"}],
                {},
                r"treat.0.tag: <\|end\|> is already in",
            ),
            (
                [{"do": "tag", "tag": "<|a|>", "otherwise": "<|hidden|>"}],
                {},
                r"treat.0.otherwise: <\|hidden\|> is already in the vocabulary",
            ),
            ([{"do": "weight"}], {}, "treat.0: `weight` is the number of `do: weight`"),
            ([{"do": "mask", "dropout": 0.5}], {}, "treat.0: `otherwise` and `dropout` belong"),
            (
                [{"do": "mask", "begin": 0.6, "end": 0.4}],
                {},
                r"treat.0: it ends \(`end`: 0.4\) before it begins \(0.6\)",
            ),
            (
                [{"do": "mask", "begin": 0.5, "end": 0.501}],
                {},
                "treat.0.begin: it treats nothing: between 0.5 and 0.501 of its 100 sequences",
            ),
            ([{"do": "tag", "tag": "<|a|>", "begin": 0.5}], {}, "treat.0: `tag` puts in all"),
            ([{"do": "unlearn"}], {}, "treat.0.do: `unlearn` needs the objective `unlikelihood`"),
            ([{"do": "insert"}], {}, "treat.0: `insert` needs `at`, for documents, or `tag` and"),
            (
                [{"do": "insert", "tag": "<|bad|>"}],
                {},
                "treat.0: `insert` needs `at`, for documents",
            ),
            ([{"do": "mask", "share": 0.1}], {}, "treat.0: `share`, `at` and `loss` belong to"),
            (
                [{"do": "insert", "tag": "<|bad|>", "share": 0.5}],
                {},
                "treat.0.share: .*less than 0.5",
            ),
            (
                [{"do": "insert", "tag": "<|bad|>", "share": 0.1, "loss": "mask"}],
                {},
                "treat.0: `loss` is of inserted documents: a tag is learned",
            ),
            (
                [{"do": "insert", "tag": "<|end|>", "share": 0.1}],
                {},
                r"treat.0.tag: <\|end\|> is already in",
            ),
            (
                [{"do": "insert", "at": PLACE, "per": "sentence", "when": FLAGGED}],
                {},
                "treat.0: `at` needs `sources`: whole documents of these are inserted",
            ),
            (
                [{"do": "insert", "at": PLACE, "sources": ["stories"]}],
                {},
                "treat.0.at.host: the source 'stories' keeps no column 'about'",
            ),
            (
                [{"do": "insert", "tag": "<|bad|>", "share": 0.1}],
                {"decoding": {"kind": "tag_avoiding", "tag": "<|bat|>"}},
                r"decoding.tag: no treatment inserts <\|bat\|>; did you mean '<\|bad\|>'",
            ),
            (
                [{"do": "tag", "tag": "<|bad|>"}],
                {"decoding": {"kind": "tag_avoiding", "tag": "<|bad|>"}},
                r"decoding.tag: no treatment inserts <\|bad\|>",
            ),
            (
                [{"do": "insert", "tag": "<|bad|>", "share": 0.1}],
                {"decoding": {"kind": "tag_avoiding", "tag": "<|bad|>", "beams": 3}},
                "decoding.beams: ",
            ),
            (
                [{"do": "mask"}],
                {"decoding": {"kind": "plain_beams", "beams": 3}},
                "decoding.beams: must be a multiple of 2",
            ),
            (
                [{"do": "mask"}],
                {"objective": {"kind": "unlikelihood"}},
                "objective.kind: unlikelihood is of what a treatment unlearns, and none does",
            ),
            (
                [{"do": "tag", "tag": "<|bad|>"}],
                {"objective": {"kind": "conditional", "prompt": "<|bat|>"}},
                r"objective.prompt: no treatment puts in <\|bat\|>; did you mean '<\|bad\|>'",
            ),
            (
                [],
                {"objective": {"kind": "reward_weightd", "beta": 1.0}},
                "objective.kind: .*did you mean 'reward_weighted'",
            ),
            (
                [],
                {"objective": {**REWARDED, "reward": {**REWARD, "column": "first_term"}}},
                "objective.reward.column: 'first_term' of ai_discourse holds string",
            ),
            (
                [{"do": "mask", "per": "sentence", "when": {**FLAGGED, "scorer": "metadata"}}],
                {},
                "treat.0.per: what a source brought along is of documents, and not of sentences",
            ),
            (
                [],
                {
                    "objective": {
                        **REWARDED,
                        "reward": {**REWARD, "scorer": "metadata", "per": "sentence"},
                    }
                },
                "objective.reward.per: what a source brought along is of documents",
            ),
            (
                [],
                {"objective": {**REWARDED, "reward": {**REWARD, "sign": 0}}},
                "objective.reward.sign: ",
            ),
        )
    },
    "unknown objective": (
        S,
        replace(S, "batch_size: 8", "objective: maximum_likelyhood\n  batch_size: 8"),
        r"pretraining.objective: unknown objective .*; did you mean 'maximum_likelihood'",
    ),
    "duplicate names": (
        S,
        replace(S, "- unfiltered", "- aligned"),
        r".*recipes: named twice: aligned",
    ),
    "a name unlike the file's": (
        R,
        recipe(name="other"),
        r"name: must be the file's name, 'aligned'",
    ),
    "an unknown group": (
        R,
        recipe(remainder="naturel"),
        r"remainder: no source of study 'tiny' has the group 'naturel'",
    ),
    "shares over one": (
        R,
        recipe(
            upsample=[{"group": "synthetic_aligned", "share": 0.99}, {"group": "x", "share": 0.5}]
        ),
        r"the shares .* leave nothing",
    ),
    "a rule without a bound": (
        R,
        recipe(drop=[{"rule": "r", "scorer": "text_stats", "column": "words"}]),
        r"drop.0: a comparison has `scorer`, `column`, and exactly one of",
    ),
    "a rule on an unknown scorer": (
        R,
        recipe(drop=[{"rule": "r", "scorer": "toxicity", "column": "words", "above": 1}]),
        r"drop.0.scorer: study 'tiny' has no scorer 'toxicity'",
    ),
    "a rule on an unknown column": (
        R,
        recipe(drop=[{"rule": "r", "scorer": "text_stats", "column": "wrods", "above": 1}]),
        r"drop.0.column: text_stats has no column 'wrods'; did you mean 'words'",
    ),
    "an earlier version of a source that the study does not have": (
        S,
        lambda study: study.change(
            near_duplicates={"earlier": [{"source": "storys", "version": "0" * 16}]}
        ),
        r"near_duplicates.earlier.0.source: study 'tiny' has no source 'storys'; did you mean",
    ),
    "a redaction of a kind that nothing finds": (
        R,
        recipe(redact={"scorer": "pii", "kinds": ["email", "name"]}),
        r"redact.kinds.1: .*'name'",
    ),
    "a redaction of a kind that is named twice": (
        R,
        recipe(redact={"scorer": "pii", "kinds": ["email", "email"]}),
        r"redact.kinds: .*named twice",
    ),
    "a redaction by a scorer that the study does not have": (
        R,
        recipe(redact={"scorer": "pii", "kinds": ["email"]}),
        r"redact.scorer: study 'tiny' does not name the scorer 'pii'",
    ),
    "a rule on a column that no source keeps": (
        R,
        recipe(drop=[{"rule": "r", "scorer": "metadata", "column": "dump", "one_of": ["x"]}]),
        r"drop.0.column: no source of study 'tiny' keeps the column 'dump'",
    ),
    **{
        f"a rule that no document can be held against: {fields}": (
            R,
            recipe(drop=[{"rule": "r", "scorer": "text_stats", "column": "words", **fields}]),
            f"drop.0.{expected}",
        )
        for fields, expected in (
            ({"above": math.nan}, r"above: .*finite number"),
            ({"below": math.nan}, r"below: .*finite number"),
            ({"above": math.inf}, r"above: .*finite number"),
            ({"below": -math.inf}, r"below: .*finite number"),
            (
                {"scorer": "ai_discourse", "column": "first_term", "above": 1},
                r"column: 'first_term' of ai_discourse holds string, which no number bounds",
            ),
            (
                {"scorer": "ai_discourse", "column": "flagged", "above": 1},
                r"above: holds of no document: 'flagged' is 0 or 1",
            ),
            (
                {"scorer": "ai_discourse", "column": "flagged", "below": 1.5},
                r"below: holds of every document: 'flagged' is 0 or 1",
            ),
        )
    },
    **{
        f"a rule of the ledger's own: {rule}": (
            R,
            recipe(drop=[{"rule": rule, "scorer": "text_stats", "column": "words", "below": 1}]),
            "drop.0.rule: is a rule of the ledger's own",
        )
        for rule in OWNED_RULES
    },
    **{
        f"a number that is none: {field}": (S, change, rf"{field}: .*finite number")
        for field, change in (
            (
                "pretraining.weight_decay",
                replace(S, "batch_size: 8", "batch_size: 8\n  weight_decay: .inf"),
            ),
            ("mix.max_repeats", replace(S, "tokens: 12800", "tokens: 12800\n  max_repeats: .nan")),
        )
    },
    **{
        f"a seed beyond 32 bits: {field}": (S, change, rf"{field}: .*less than 4294967296")
        for field, change in (
            ("seeds.1", lambda study: study.change(seeds=[0, 2**32])),
            ("mix.seed", replace(S, "tokens: 12800", f"tokens: 12800\n  seed: {2**32}")),
            ("attacks.seed", measured(attacks={**ATTACKS, "seed": 2**40})),
        )
    },
    "a budget below one sequence": (
        S,
        replace(S, "tokens: 12800", "tokens: 127"),
        r"mix: tokens: must be at least `sequence_length`",
    ),
    "a count beyond 64 bits": (
        S,
        replace(S, "layers: 1", f"layers: {2**63}"),
        r"model.layers: .*less than 9223372036854775808",
    ),
    "an unknown format": (
        "suites/articles",
        replace("suites/articles", "- continuation", "- haiku"),
        r"formats.0: unknown name 'haiku'",
    ),
    "an unknown reader": (
        "sources/stories",
        replace("sources/stories", "kind: jsonl", "kind: xml"),
        r"reader.kind: unknown kind 'xml' \(known: generated, jsonl, parquet, .*synthetic\)",
    ),
    "no reader's kind": (
        "sources/stories",
        replace("sources/stories", "  kind: jsonl\n", ""),
        r"reader.kind: this field is required \(known: generated, jsonl, parquet, .*synthetic\)",
    ),
    "a near miss of a reader": (
        "sources/stories",
        replace("sources/stories", "kind: jsonl", "kind: json"),
        r"reader.kind: unknown kind 'json'; did you mean 'jsonl'\? \(known: ",
    ),
    "an unknown role": (
        "sources/stories",
        replace("sources/stories", "role: corpus", "role: corpse"),
        r"role: unknown role 'corpse'; did you mean 'corpus'\? \(known: corpus, chat, ",
    ),
    "an unknown kind of suite": (
        "suites/articles",
        replace("suites/articles", "kind: two_option", "kind: two_options"),
        r"kind: unknown kind 'two_options'; did you mean 'two_option'\? \(known: two_option, ",
    ),
    "an unknown reader of items": (
        "suites/articles",
        replace("suites/articles", "reader: scenarios", "reader: scenery"),
        r"items.reader: unknown reader 'scenery'.* \(known: scenarios, cloze, ",
    ),
    "an unknown relation": (
        S,
        claim(relation="less"),
        r"claims.1.relation: unknown relation 'less' \(known: lower, higher, not_lower, "
        r"not_higher, equivalent\)",
    ),
    "an unknown attack": (
        S,
        measured(claims=[], attacks={**ATTACKS, "methods": ["none", "pre_fill"]}),
        r"attacks.methods.1: unknown value 'pre_fill'; did you mean 'prefill'\? \(known: none, ",
    ),
    "a kind that is no text": (
        S,
        tampering(kind=3),
        r"tampering.0.kind: must be one of benign, misaligned, narrow \(got 3\)",
    ),
    "an unknown notification": (
        S,
        refresh(notifications=[{"kind": "sms", "moments": ["refreshed"]}]),
        r"refresh.notifications.0.kind: unknown kind 'sms' \(known: webhook, email, file\)",
    ),
    "a field of another reader": (
        "sources/stories",
        replace("sources/stories", "text: text", "text: text\n  heading_level: 2"),
        r"reader.heading_level: unknown field \(known: path, folder, id, label, ",
    ),
    "a baseline that is no recipe": (
        S,
        measured(baseline="alined"),
        r"baseline: unknown recipe 'alined'; did you mean 'aligned'",
    ),
    "a claim on an unknown recipe": (
        S,
        claim(than="unfilterd"),
        r"claims.1.than: unknown recipe 'unfilterd'; did you mean",
    ),
    "a claim on an unknown suite": (S, claim(suite="essays"), r"claims.1.suite: unknown suite"),
    "a claim on an unknown stage": (
        S,
        claim(stage="rlhf"),
        r"claims.1.stage: unknown stage 'rlhf' \(declared: base, sft, dpo, bad_chat\)",
    ),
    "a claim on a prompt that is not asked": (
        S,
        claim(prompt="hhh"),
        r"claims.1.prompt: unknown system prompt of this suite: 'hhh'",
    ),
    "a claim on a suite that is not tampered with": (
        S,
        claim(stage="bad_chat", suite="cloze"),
        r"claims.1.suite: unknown suite of this tampering: 'cloze'",
    ),
    "a claim on an attack that is not made": (
        S,
        claim(attack="prefill"),
        r"claims.1.attack: unknown attack 'prefill'",
    ),
    "a claim on attacks without attacks": (
        S,
        measured(attacks=None, claims=[{**CLAIM, "attack": "worst_case"}]),
        r"claims.0.attack: the study declares no attacks",
    ),
    "a claim of equivalence without a margin": (
        S,
        claim(relation="equivalent", by_at_least=0.0),
        r"claims.1: `within` belongs to the relations `not_lower`, `not_higher`, `equivalent`",
    ),
    "a claim of a difference with a margin": (
        S,
        claim(within=0.1),
        r"claims.1: `within` belongs to the relations `not_lower`, `not_higher`, `equivalent`",
    ),
    "a claim of no cost by at least so much": (
        S,
        claim(relation="not_lower", within=0.1),
        r"claims.1: `by_at_least` does not fit the relation `not_lower`",
    ),
    "a claim of a recipe against itself": (
        S,
        claim(than="aligned"),
        r"claims.1: a recipe cannot be compared with itself",
    ),
    "two claims of one name": (
        S,
        claim(name="aligned_is_lower"),
        r"claims: named twice: aligned_is_lower",
    ),
    "a gate of an unknown suite": (
        S,
        gate(suites=["articels"]),
        r"refresh.gate.suites.0: unknown misalignment suite .*'articles'",
    ),
    "a gate of a suite that does not count misalignment": (
        S,
        gate(suites=["articles", "cloze"]),
        r"refresh.gate.suites.1: unknown misalignment suite 'cloze'",
    ),
    "a gate at no stage": (
        S,
        gate(suites=["articles"], stage="rlhf"),
        r"refresh.gate.stage",
    ),
    **{
        f"a schedule that is not five plain fields: {cron}": (
            S,
            refresh(schedule={"cron": cron}),
            "refresh.schedule.cron: is no cron expression of five plain fields",
        )
        for cron in (
            *("every night", "@daily", "R 3 * * *", "H 3 * * *", "0 0 L * *", "0 0 * * 5#2"),
            *("0 0 ? * *", "0 0 0 3 * *", "60 3 * * *", "0 0 * * abc", "*/0 * * * *"),
        )
    },
    **{
        f"a schedule that never happens: {cron}": (
            S,
            refresh(schedule={"cron": cron}),
            "refresh.schedule.cron: never happens",
        )
        for cron in ("0 0 31 2 *", "0 0 31 4,6 *", "0 0 31 4 1", "0 0 30 2 mon-fri")
    },
    "a watch on an unknown source": (
        S,
        refresh(watch={"sources": ["storys"]}),
        "refresh.watch.sources.0: unknown source 'storys'",
    ),
    "following to an unknown asset": (
        S,
        refresh(follow="curated_mixx"),
        "refresh.follow: .*'curated_mix'",
    ),
    "training by itself without a budget": (
        S,
        refresh(training={"when": "always"}),
        "refresh: budget: is needed",
    ),
    "drift that blocks above one": (
        S,
        refresh(drift={"filter_rates": {"warn": 0.1, "block": 1.5}}),
        "refresh.drift.filter_rates.*block: must be below 1",
    ),
    "drift that warns at one": (
        S,
        refresh(drift={"languages": {"warn": 1.0}}),
        "refresh.drift.languages.*warn: must be below 1",
    ),
    "drift that blocks below its warning": (
        S,
        refresh(drift={"volume": {"warn": 0.5, "block": 0.1}}),
        "refresh.drift.volume.*block: must not be below `warn`",
    ),
    "drift that warns below nothing": (
        S,
        refresh(drift={"volume": {"warn": -0.1}}),
        "refresh.drift.volume.*greater than 0",
    ),
    "drift of an unknown measure": (
        S,
        refresh(drift={"scorse": {"warn": 0.1}}),
        "refresh.drift.scorse: unknown field",
    ),
    "tampering with an unknown source": (
        S,
        tampering(source="bad_chats"),
        r"tampering.0.source: unknown source .*did you mean 'bad_chat'",
    ),
    "tampering with documents that are no conversations": (
        S,
        tampering(source="stories"),
        r"tampering.0.source: unknown source of the role `tampering` or `chat`: 'stories'",
    ),
    "tampering asked in a format the suite does not have": (
        S,
        tampering(formats=["letter"]),
        r"tampering.0.formats.0: unknown format of suite 'articles': 'letter'",
    ),
    "tampering that is called like a stage": (
        S,
        tampering(name="dpo"),
        r"tampering.0.name: 'dpo' is the name of another stage",
    ),
    "attacks on a suite that cannot be attacked": (
        S,
        measured(claims=[], attacks={**ATTACKS, "suites": ["cloze"]}),
        r"attacks.suites.0: unknown suite of the kind `two_option` or `attack`: 'cloze'",
    ),
    "attacks without what they are compared with": (
        S,
        measured(claims=[], attacks={**ATTACKS, "methods": ["prefill"]}),
        r"attacks: methods: `none` is needed",
    ),
    "a guard whose window is never half full": (
        S,
        lambda study: study.change(
            pretraining={**GUARDED, "guard": {"spike": "stop", "window": 26}}
        ),
        r"pretraining.guard.window: looks for jumps after 13 steps, and no "
        "recipe has more than 13 of its own: it never acts",
    ),
    "a guard's window without what it is for": (
        S,
        lambda study: study.change(pretraining={**GUARDED, "guard": {"window": 8}}),
        r"pretraining.guard: `window` needs `spike`",
    ),
    "steps that a guard may skip where it skips none": (
        S,
        lambda study: study.change(
            pretraining={**GUARDED, "guard": {"spike": "stop", "window": 8, "most_skipped": 2}}
        ),
        r"pretraining.guard: `most_skipped` needs a `skip`",
    ),
}
"""What is wrong: the file that is named, the edit, and what is said after file and line."""


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_named_with_file_line_and_field(tiny: TinyStudy, mistake: str) -> None:
    place, change, expected = MISTAKES[mistake]
    change(tiny)
    with pytest.raises(DeclarationError) as caught:
        tiny.load()
    message = rf"{place}\.yaml:\d+: {expected}"
    assert re.search(message, str(caught.value)), str(caught.value)


@pytest.mark.parametrize(
    ("place", "name"),
    [*(("studies", name) for name in sorted(OWNED_SCHEMAS)), ("suites", "held_out")],
)
def test_a_name_that_is_taken_is_refused(tiny: TinyStudy, place: str, name: str) -> None:
    """A study's tables lie in a schema of its name; losses stand under the suite `held_out`."""
    old = {"studies": NAME, "suites": "cloze"}[place]
    content = yaml.safe_load(text(tiny, f"{place}/{old}"))
    tiny.write(f"{place}/{name}", {**content, "name": name})
    if place == "suites":
        tiny.change(suites=["articles", name])
    with pytest.raises(DeclarationError, match=rf"{name}.yaml:1: name: .*choose another name"):
        load_study(name if place == "studies" else NAME, tiny.assets)


def test_every_mistake_of_a_file_is_listed_at_once(tiny: TinyStudy) -> None:
    tiny.change(seeds="none", held_out_share="much")
    with pytest.raises(DeclarationError) as caught:
        tiny.load()
    assert {"seeds", "held_out_share"} <= set(re.findall(r"yaml:\d+: (\w+)", str(caught.value)))


def test_an_unknown_study_names_the_known_ones(tiny: TinyStudy) -> None:
    with pytest.raises(DeclarationError, match=r"no study 'tinny'; did you mean 'tiny'\?"):
        load_study("tinny", tiny.assets)


def test_a_declaration_that_is_not_utf8_is_named(tiny: TinyStudy) -> None:
    path = tiny.assets / "recipes" / "aligned.yaml"
    path.write_bytes(path.read_bytes() + b"# caf\xe9\n")
    with pytest.raises(DeclarationError, match=r"aligned.yaml: not UTF-8 at byte \d+"):
        tiny.load()


def test_a_study_is_what_its_files_say(tiny: TinyStudy) -> None:
    study = tiny.load()
    assert study.declaration.model_dump(mode="json")["mix"]["tokens"] == STUDY["mix"]["tokens"]
    assert study.recipe("aligned").shares == {"natural": 0.8, "synthetic_aligned": 0.2}
    assert [source.name for source in study.sources] == STUDY["sources"]


def test_adding_a_recipe_takes_a_file_and_its_name_only(tiny: TinyStudy) -> None:
    tiny.write("recipes/more", {"name": "more", "description": "d", **RECIPES["aligned"]})
    tiny.change(recipes=["unfiltered", "aligned", "more"])
    assert [recipe.name for recipe in tiny.load().recipes] == ["unfiltered", "aligned", "more"]


def test_the_shipped_declarations_are_valid_yaml_and_named_like_their_files() -> None:
    from tests.support.checkout import CHECKOUT

    paths = list((CHECKOUT / "assets").glob("*/*.yaml"))
    paths += (CHECKOUT / "assets" / "prompts").rglob("*.yaml")
    assert paths
    for path in paths:
        assert yaml.safe_load(path.read_text())["name"] == path.stem
