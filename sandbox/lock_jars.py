"""Writes stack.lock: which files of the Maven repository make up Kafka and the registry, with their hashes.

Run by `make lock`, on a change of version only. jgo resolves; everything else just reads the lock.
"""

import hashlib
import tempfile
from pathlib import Path

from jgo.constants import MAVEN_CENTRAL_URL
from jgo.maven import Artifact, MavenContext

KAFKA = (("org.apache.kafka", "kafka_2.13", "4.4.0"), ("org.slf4j", "slf4j-simple", "1.7.36"))
REGISTRY = ("io.apicurio", "apicurio-registry-app", "3.3.3", "all", "tar.gz")
LOCK = Path(__file__).parent / "inventory_sandbox" / "stack" / "stack.lock"
HEADER = "# made by 'make lock': component group:name:extension:classifier:version sha256 bytes\n"


def main() -> None:
    """Resolves all dependencies, fetches each file once and writes the lock."""
    with tempfile.TemporaryDirectory() as folder:
        context = MavenContext(repo_cache=Path(folder), remote_repos={"central": MAVEN_CENTRAL_URL})
        roots = [context.create_dependency(f"{group}:{name}:{version}") for group, name, version in KAFKA]
        resolved, further = context.resolver.resolve(roots)
        lines = [_line("kafka", dependency.artifact) for dependency in [*resolved, *further]]
        group, name, version, classifier, extension = REGISTRY
        registry = context.project(group, name).at_version(version).artifact(classifier=classifier, packaging=extension)
        lines.append(_line("registry", registry))
    LOCK.write_text(HEADER + "".join(sorted(lines)))


def _line(component: str, artifact: Artifact) -> str:
    data = artifact.resolve().read_bytes()
    coordinate = ":".join(
        (artifact.groupId, artifact.artifactId, artifact.packaging, artifact.classifier, artifact.version)
    )
    return f"{component} {coordinate} {hashlib.sha256(data).hexdigest()} {len(data)}\n"


if __name__ == "__main__":
    main()
