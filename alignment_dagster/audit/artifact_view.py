"""What one artifact is: its files, what it was made from, by which code, when, and for what."""

from collections.abc import Iterator, Mapping
from typing import Any

from alignment_dagster.audit.answer import Answer, Node
from alignment_dagster.audit.artifact_list import current_keys, find_signer, format_commit, size
from alignment_dagster.foundation import page_links
from alignment_dagster.lineage.archive import Archive
from alignment_dagster.lineage.journal_lines import Entry
from alignment_dagster.lineage.lake import Artifact, label
from alignment_dagster.lineage.provenance import Parent


def describe_artifact(archive: Archive, artifact: Artifact) -> Answer:
    """Everything recorded of an artifact, and whether its signature holds; digests are SHA-256."""
    key, problem = find_signer(archive, artifact)
    data = _data(archive, artifact, key, problem)
    parents = artifact.provenance.inputs.parents
    tree = Node(
        artifact.label,
        f"{size(data['bytes'])}, {len(data['files'])} files",
        (
            Node("content", artifact.digest, _files(artifact)),
            Node("made from", "", [_parent(archive, one) for one in parents]),
            _code(artifact),
            _when(archive, artifact),
            _checks(artifact),
            Node("declared", "", tuple(_config_nodes(artifact.provenance.declared))),
            _signature(artifact, key, problem),
            Node("made from it", "", [_child(child) for child in archive.children(artifact)]),
        ),
        "strong",
        _page(archive.study, artifact.asset, artifact.partition, artifact.version),
    )
    return Answer(
        artifact.label, (_state(data),), (tree,), data, warnings=[problem] if problem else []
    )


def _data(archive: Archive, artifact: Artifact, key: str | None, problem: str) -> dict[str, Any]:
    recorded = artifact.provenance.model_dump(mode="json")
    manifest = artifact.manifest
    return {
        "artifact": artifact.label,
        "path": str(artifact.path),
        "current": artifact.key in current_keys(archive),
        "digest": artifact.digest,
        "record": artifact.record,
        "bytes": sum(manifest.sizes.values()),
        "files": [
            {"name": name, "sha256": digest, "bytes": manifest.sizes[name]}
            for name, digest in manifest.files.items()
        ],
        **{name: value for name, value in recorded.items() if name != "inputs"},
        **recorded["inputs"],
        "became_current": [
            {"time": one.time, "dagster_run_id": one.dagster_run_id, "reused": one.reused}
            for one in _entries(archive, artifact)
        ],
        "signed_by": key,
        "problem": problem or None,
        "collected": archive.collection(artifact) or None,
        "made_again": _find_rebuilds(archive, artifact),
        "links": {
            "dagster_run": page_links.dagster_run(artifact.provenance.dagster_run_id or ""),
            "mlflow_run": page_links.mlflow_run(artifact.provenance.mlflow_run_id or ""),
            "audit": _page(archive.study, *artifact.key),
        },
        "children": [child.label for child in archive.children(artifact)],
    }


def _state(data: Mapping[str, Any]) -> str:
    current = "It is the current version" if data["current"] else "It is not the current version"
    made = f"{current}, and {len(data['children'])} artifacts were made from it."
    if not data["collected"]:
        return made
    again = ", ".join(data["made_again"])
    since = f" It was made again since: {again}." if again else ""
    return f"{made} It {data['collected']}: its records are here, its files are not.{since}"


def _find_rebuilds(archive: Archive, artifact: Artifact) -> list[str]:
    """The later versions that were made from the same inputs."""
    beside = [key for key in archive.keys if key[:2] == (artifact.asset, artifact.partition)]
    others = [archive.artifact(*key) for key in beside if key != artifact.key]
    own = artifact.provenance
    return [
        one.label
        for one in others
        if one.provenance.input_digest == own.input_digest
        and one.provenance.generation > own.generation
    ]


def _files(artifact: Artifact) -> list[Node]:
    sizes = artifact.manifest.sizes
    return [
        Node(name, f"{size(sizes[name])}  {digest}")
        for name, digest in artifact.manifest.files.items()
    ]


def _parent(archive: Archive, parent: Parent) -> Node:
    name = label(parent.asset, parent.partition, parent.version)
    there = parent.key in archive.keys
    part = f"{parent.part}  " if parent.part else ""
    gone = "" if there else "  (no longer in the lake)"
    link = _page(archive.study, parent.asset, parent.partition, parent.version)
    return Node(name, f"{part}{parent.digest}{gone}", (), "plain" if there else "bad", link)


def _code(artifact: Artifact) -> Node:
    provenance = artifact.provenance
    environment = [Node(name, value) for name, value in provenance.environment.items()]
    outside = [Node(name, digest) for name, digest in provenance.inputs.external_inputs.items()]
    return Node(
        "made by",
        "",
        (
            Node(
                "commit",
                f"{format_commit(provenance)}  ({provenance.git.get('commit', 'unknown')})",
            ),
            Node("code version", provenance.inputs.code_version),
            Node("code digest", provenance.code_digest),
            Node("declaration", provenance.inputs.declaration),
            Node("read from outside the lake", "" if outside else "nothing", outside),
            Node("environment", "", environment),
        ),
    )


def _when(archive: Archive, artifact: Artifact) -> Node:
    provenance = artifact.provenance
    nodes = [Node("began", f"{provenance.started}, {provenance.seconds:,.3f} seconds")]
    if run := provenance.dagster_run_id:
        nodes.append(_run("Dagster run", run, page_links.dagster_run(run)))
    if run := provenance.mlflow_run_id:
        nodes.append(_run("MLflow run", run, page_links.mlflow_run(run)))
    nodes += [
        Node("became current", f"{one.time}  {'reused' if one.reused else 'made'}",
             (), "plain", page_links.dagster_run(one.dagster_run_id))
        for one in _entries(archive, artifact)
    ]  # fmt: skip
    measured = [Node(name, str(value)) for name, value in provenance.measured.items()]
    return Node("when", "", (*nodes, *([Node("measured", "", measured)] if measured else [])))


def _run(name: str, run_id: str, link: str) -> Node:
    return Node(name, f"{run_id}  {link}", (), "plain", link)


def _checks(artifact: Artifact) -> Node:
    checks = artifact.provenance.checks
    return Node(
        "checks",
        f"{sum(check.passed for check in checks)} of {len(checks)} passed",
        [
            Node(check.name, check.summary, (), "good" if check.passed else "bad")
            for check in checks
        ],
    )


def _config_nodes(value: Any) -> Iterator[Node]:
    """Each field with its value; lists and maps grow below theirs."""
    if isinstance(value, Mapping):
        for name, item in value.items():
            yield _field(str(name), item)
    elif isinstance(value, list | tuple):
        for number, item in enumerate(value, 1):
            yield _field(str(number), item)


def _field(name: str, value: Any) -> Node:
    if isinstance(value, Mapping | list | tuple):
        return Node(name, "" if value else "(none)", tuple(_config_nodes(value)))
    return Node(name, "(none)" if value is None else str(value))


def _signature(artifact: Artifact, key: str | None, problem: str) -> Node:
    record = Node("record", artifact.record)
    if key is None:
        return Node("signature", problem, (record,), "bad")
    return Node("signature", f"holds, of key {key}", (record,), "good")


def _child(artifact: Artifact) -> Node:
    inputs = artifact.provenance.inputs
    link = _page(inputs.study, artifact.asset, artifact.partition, artifact.version)
    return Node(artifact.label, "", (), "plain", link)


def _entries(archive: Archive, artifact: Artifact) -> list[Entry]:
    return [entry for entry in archive.journal if entry.key == artifact.key]


def _page(study: str, asset: str, partition: str | None, version: str) -> str:
    return page_links.audit_page(study, asset, partition, version)
