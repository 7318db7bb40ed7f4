"""The one walk over what was made from what."""

import networkx as nx
import pytest

from alignment_dagster.lineage.ancestry import ancestry, descendants, direct_edges

PARENTS = {"report": ["mix", "corpus"], "mix": ["corpus", "tokenizer"], "tokenizer": ["corpus"]}


def test_ancestors_are_asked_for_once_each_and_the_nearer_come_first() -> None:
    asked: list[str] = []

    def parents(node: str) -> list[str]:
        asked.append(node)
        return PARENTS.get(node, [])

    graph = ancestry(["report"], parents)
    assert list(graph) == asked == ["report", "mix", "corpus", "tokenizer"]
    assert set(graph["corpus"]) == {"report", "mix", "tokenizer"}


def test_descendants_are_those_that_were_made_from_any_of_them() -> None:
    graph = ancestry(PARENTS, lambda node: PARENTS.get(node, []))
    assert descendants(graph, ["tokenizer"]) == {"tokenizer", "mix", "report"}
    assert descendants(graph, ["report", "unknown"]) == {"report", "unknown"}
    assert descendants(graph, []) == set()


def test_an_edge_is_direct_where_no_other_way_leads_there() -> None:
    edges = [("report", "mix"), ("mix", "tokenizer"), ("tokenizer", "corpus")]
    assert direct_edges(PARENTS) == edges


def test_records_that_name_each_other_as_parents_are_no_history() -> None:
    with pytest.raises(nx.NetworkXUnfeasible):
        direct_edges({"a": ["b"], "b": ["a"]})
