"""What the stack is made of and how the node is configured."""

from pathlib import Path

from inventory_sandbox.stack.artifacts import locked_artifacts
from inventory_sandbox.stack.kafka import FIXED_PROPERTIES, command, write_properties
from inventory_sandbox.stack.processes import ProcessFile


def test_the_lock_names_kafka_and_one_registry() -> None:
    kafka, registry = locked_artifacts("kafka"), locked_artifacts("registry")

    assert "kafka_2.13" in {artifact.name for artifact in kafka}
    assert [artifact.file_name for artifact in registry] == ["apicurio-registry-app-3.3.3-all.tar.gz"]
    assert all(len(artifact.sha256) == 64 and artifact.size_bytes > 0 for artifact in kafka + registry)


def test_a_coordinate_becomes_the_path_of_a_maven_repository() -> None:
    (artifact,) = locked_artifacts("registry", "registry a.b:c:tar.gz:all:1.2 00 5\n")

    assert artifact.path == "a/b/c/1.2/c-1.2-all.tar.gz"


def test_nothing_of_the_node_is_replicated() -> None:
    """A factor above one would make the first group or transaction wait for brokers that never come."""
    factors = {name: value for name, value in FIXED_PROPERTIES.items() if name.endswith("replication.factor")}

    assert set(factors.values()) == {"1"}
    assert FIXED_PROPERTIES["auto.create.topics.enable"] == "false"


def test_the_node_listens_on_this_machine_only(tmp_path: Path) -> None:
    written = dict(line.split("=", 1) for line in write_properties(tmp_path, 1234, 1235).read_text().splitlines())

    assert written["advertised.listeners"] == "PLAINTEXT://127.0.0.1:1234"
    assert written["listeners"] == "PLAINTEXT://127.0.0.1:1234,CONTROLLER://127.0.0.1:1235"
    assert written["log.dirs"] == str(tmp_path / "kafka")


def test_the_command_carries_the_mark_that_it_is_found_by(tmp_path: Path) -> None:
    process = ProcessFile("kafka", tmp_path)

    line = command(Path("java"), [Path("a.jar"), Path("b.jar")], process, tmp_path / "server.properties")

    assert process.marker in line
    assert line[line.index("-cp") + 1] == "a.jar:b.jar"
    assert str(tmp_path) in process.marker
