"""What was made from what, as a graph: an edge leads from each parent to its child.

Records name parents only, and reading them costs: the graph is built from its end, as far as it is
asked for.
"""

from collections import deque
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from alignment_dagster.chain import CORPUS_DRIFT
from alignment_dagster.lineage.lake import Artifact
from alignment_dagster.lineage.provenance import Key, Parent

if TYPE_CHECKING:
    import networkx as nx

Node = TypeVar("Node", bound=Hashable)
Graph: TypeAlias = "nx.DiGraph[Any]"


def parents_of(artifact: Artifact, *, compared: bool = True) -> tuple[Parent, ...]:
    """What an artifact was made from, as its provenance records it.

    Args:
        compared: whether the earlier version counts that a drift check compared its source with:
            none of its documents went into what came after.
    """
    parents = artifact.provenance.inputs.parents
    return parents if compared or artifact.asset != CORPUS_DRIFT else parents[:2]


def parent_keys(artifact: Artifact, *, compared: bool = True) -> list[Key]:
    """As `parents_of`, each artifact once, whichever of its files were read."""
    return list(dict.fromkeys(one.key for one in parents_of(artifact, compared=compared)))


def ancestry(roots: Iterable[Node], parents: Callable[[Node], Iterable[Node]]) -> Graph:
    """The graph of some nodes and all their ancestors; those that are nearer stand before others.

    Args:
        parents: asked once of each node, when it is reached.
    """
    import networkx as nx  # for weight: many commands read an archive and ask for no graph

    graph: Graph = nx.DiGraph()
    graph.add_nodes_from(roots)
    waiting = deque(graph)
    while waiting:
        node = waiting.popleft()
        for parent in parents(node):
            if parent not in graph:
                waiting.append(parent)
            graph.add_edge(parent, node)
    return graph


def graph_of(artifacts: Iterable[Artifact], *, compared: bool = True) -> Graph:
    """The graph of artifacts and of the parents that they name, whether those are there or not.

    Args:
        compared: as in `parents_of`.
    """
    known = {artifact.key: artifact for artifact in artifacts}
    return ancestry(
        known, lambda key: parent_keys(known[key], compared=compared) if key in known else ()
    )


def children_of(artifacts: Iterable[Artifact]) -> dict[Key, tuple[Key, ...]]:
    """What was made from each artifact, by what the provenances say."""
    graph = graph_of(artifacts)
    return {key: tuple(graph[key]) for key in graph if graph[key]}


def descendants(graph: Graph, roots: Sequence[Node]) -> set[Node]:
    """The nodes and everything that was made from them; those that the graph lacks have nothing."""
    import networkx as nx  # for weight

    known = [root for root in roots if root in graph]
    return set(roots).union(*nx.bfs_layers(graph, known)) if known else set(roots)


def direct_edges(parents: Mapping[Node, Sequence[Node]]) -> list[tuple[Node, Node]]:
    """(child, parent) for the parents that are no ancestors of the child's other parents."""
    import networkx as nx  # for weight

    graph = ancestry(parents, lambda node: parents.get(node, ()))
    above: dict[Node, set[Node]] = {}
    for node in nx.topological_sort(graph):
        own = list(graph.predecessors(node))
        above[node] = set(own).union(*(above[parent] for parent in own))
    return [
        (child, parent)
        for child, own in parents.items()
        for parent in own
        if not any(parent in above[other] for other in own if other != parent)
    ]
