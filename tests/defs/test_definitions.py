"""The code location: it loads without torch, and every asset tells a reviewer what it is."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from alignment_dagster.foundation.home import Home
from alignment_dagster.foundation.placement import POOL
from drills import warm
from tests.support.checkout import CHECKOUT
from tests.support.tiny_study import NAME, RECIPES, TinyStudy

CHAIN = [
    "raw_corpus",
    "scored_corpus",
    "documents",
    "dispositions",
    "tokenizer",
    "curated_mix",
    "pretrained_checkpoint",
    "post_trained_checkpoint",
    "evaluation",
    "metrics",
    "eval_report",
]
BLOCKING = {
    "raw_corpus": {"not_empty", "licence_declared", "digest_pinned"},
    "scored_corpus": {"documents_preserved", "scores_in_range", "duplicates_leave_the_source"},
    "curated_mix": {"token_budget_met", "shares_within_tolerance", "no_evaluation_item_leaked"},
    "pretrained_checkpoint": {"loss_finite_and_falling", "consumed_what_the_mix_says"},
    "post_trained_checkpoint": {"starts_from_its_checkpoint"},
    "evaluation": {"all_items_answered", "weights_match_their_digest"},
    "eval_report": {"every_number_resolves_to_its_data", "provenance_closed"},
}


@pytest.fixture
def definitions(tiny: TinyStudy) -> dg.Definitions:
    from alignment_dagster.definitions import defs
    from alignment_dagster.preflight.studies import declared_studies

    declared_studies.cache_clear()
    loaded = defs()
    declared_studies.cache_clear()
    assert isinstance(loaded, dg.Definitions)
    return loaded


def graph(definitions: dg.Definitions) -> Any:
    return definitions.resolve_asset_graph()


@pytest.mark.slow
def test_every_asset_has_what_a_person_looks_for(definitions: dg.Definitions) -> None:
    found = graph(definitions)
    for name in CHAIN:
        node = found.get(dg.AssetKey([NAME, name]))
        assert node.description, name
        assert node.owners == ["team:tests"], name
        assert node.kinds, name
        assert node.code_version, name
        assert node.group_name.startswith(f"{NAME}_"), name


@pytest.mark.parametrize(
    ("placement", "jobs"),
    [
        ("device: cuda\n", {"pretrained_checkpoint", "post_trained_checkpoint", "evaluation"}),
        ("device: cpu\n", set()),
        ("device: cuda\nlauncher: {kind: slurm}\n", set()),
    ],
)
def test_what_computes_on_this_machines_accelerators_shares_a_pool(
    tiny: TinyStudy, placement: str, jobs: set[str]
) -> None:
    """Which the queue lets one step of run at a time, or as many as there are accelerators."""
    from alignment_dagster.defs.assets import definitions

    home = Home.from_environment()
    home.root.mkdir()
    (home.root / "placement.yaml").write_text(placement)
    loaded = definitions([tiny.load()])
    pooled = {
        one.key.path[-1]
        for one in loaded.assets or ()
        if isinstance(one, dg.AssetsDefinition) and one.op.pool == POOL
    }
    assert pooled == jobs


@pytest.mark.slow
def test_the_checks_of_the_design_block(definitions: dg.Definitions) -> None:
    found = graph(definitions)
    for name, expected in BLOCKING.items():
        keys = found.get_check_keys_for_assets({dg.AssetKey([NAME, name])})
        blocking = {key.name for key in keys if found.get_check_spec(key).blocking}
        assert expected <= blocking, name
    checks = found.get_check_keys_for_assets({dg.AssetKey([NAME, "dispositions"])})
    assert all(found.get_check_spec(key).blocking for key in checks)
    assert len(checks) > 3


@pytest.mark.slow
def test_adding_a_recipe_file_adds_partitions(tiny: TinyStudy) -> None:
    from alignment_dagster.definitions import defs
    from alignment_dagster.preflight.studies import declared_studies

    tiny.write("recipes/more", {"name": "more", "description": "d", **RECIPES["aligned"]})
    tiny.change(recipes=["unfiltered", "aligned", "more"])
    declared_studies.cache_clear()
    loaded = defs()
    declared_studies.cache_clear()
    assert isinstance(loaded, dg.Definitions)
    node = graph(loaded).get(dg.AssetKey([NAME, "pretrained_checkpoint"]))
    assert node.partitions_def is not None
    assert "more|1" in node.partitions_def.get_partition_keys()


@pytest.mark.slow
def test_the_code_location_loads_without_torch(tiny: TinyStudy) -> None:
    """In a process of its own, but for dbt, which is another anyway."""
    script = (
        "import sys; from pathlib import Path; from drills.warm import dbt; "
        "dbt.use(lambda: Path(sys.argv[1])); "
        "from alignment_dagster.definitions import defs; defs(); "
        "print([m for m in ('torch', 'transformers', 'trl', 'mlflow') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(warm.shared().dbt_socket)],
        capture_output=True, text=True, check=True, timeout=120, cwd=CHECKOUT,
    )  # fmt: skip
    assert done.stdout.strip() == "[]"


@pytest.mark.slow
def test_a_mistake_in_a_declaration_is_one_message_in_the_terminal(tiny: TinyStudy) -> None:
    tiny.change(recipes=["unfiltered", "alined"])
    command = [str(Path(sys.executable).parent / "alignment"), "run", NAME]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 2
    assert "tiny.yaml:" in done.stderr
    assert "did you mean 'aligned'?" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tiny.assets.parent / "home" / "lake").exists()


@pytest.mark.slow
def test_what_reads_the_sources_waits_for_their_drift_checks(tiny: TinyStudy) -> None:
    from alignment_dagster.definitions import defs
    from alignment_dagster.preflight.studies import declared_studies

    tiny.change(refresh={"schedule": {"cron": "0 3 * * *"}, "drift": {}})
    declared_studies.cache_clear()
    loaded = defs()
    declared_studies.cache_clear()
    assert isinstance(loaded, dg.Definitions)
    found, drift = graph(loaded), dg.AssetKey([NAME, "corpus_drift"])
    assert {key.path[-1] for key in found.get(drift).parent_keys} == {"raw_corpus", "scored_corpus"}
    assert {key.path[-1] for key in found.get(drift).child_keys} == {"stg_documents", "stg_scores"}
    checks = {key.name: found.get_check_spec(key) for key in found.get(drift).check_keys}
    blocking = {name: spec.blocking for name, spec in checks.items()}
    assert blocking == {"drift_within_bounds": True, "drift_unremarkable": False}
