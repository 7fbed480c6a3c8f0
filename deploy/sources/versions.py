"""The images of what others make, in the versions that the tests run where they can."""

from __future__ import annotations

from typing import Final

from inventory_sandbox.stack.artifacts import locked_artifacts


def _version_of(component: str, name: str) -> str:
    return next(artifact.version for artifact in locked_artifacts(component) if artifact.name == name)


KAFKA_IMAGE: Final = f"apache/kafka:{_version_of('kafka', 'kafka_2.13')}"
REGISTRY_IMAGE: Final = f"apicurio/apicurio-registry:{_version_of('registry', 'apicurio-registry-app')}"
