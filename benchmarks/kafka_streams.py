"""Builds the Kafka Streams peer: its libraries from Maven by jgo, its one class with the newest JDK there is."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from inventory_sandbox.stack.artifacts import default_cache_dir

SOURCE: Final = Path(__file__).parent / "peers" / "kafka-streams" / "Peer.java"
LIBRARIES: Final = (
    "org.apache.kafka:kafka-streams:4.3.1",  # 4.4.0 of the broker has no kafka-streams on Maven Central (yet)
    "org.apache.avro:avro:1.12.0",
    "org.slf4j:slf4j-simple:1.7.36",
)
JDK_LEAST: Final = 17
COMPILE_LIMIT_S: Final = 120.0
JVM_OPTIONS: Final = ("-Xms512m", "-Xmx2g", "-XX:+UseParallelGC")
_JDK_FOLDERS: Final = (Path("/usr/lib/jvm"), Path("/Library/Java/JavaVirtualMachines"))


class CannotBuild(Exception):
    """Why Kafka Streams cannot be measured here."""


@dataclass(frozen=True, slots=True)
class Jdk:
    """A Java Development Kit and its major version."""

    home: Path
    major: int


@dataclass(frozen=True, slots=True)
class BuiltPeer:
    """The peer ready to start: `command` wants the job, the store and the guarantee behind it."""

    command: tuple[str, ...]
    java: str
    streams: str


def build(folder: Path) -> BuiltPeer:
    """Compile the peer into the folder; its libraries are fetched once per user.

    Raises:
        CannotBuild: no JDK, or the libraries cannot be fetched.
    """
    jdk = newest_jdk()
    if jdk is None:
        raise CannotBuild(f"there is no JDK {JDK_LEAST} or later (JAVA_HOME, PATH, {_JDK_FOLDERS[0]})")
    jars = _libraries()
    class_path = os.pathsep.join(str(jar) for jar in jars)
    classes = folder / "kafka-streams-peer"
    classes.mkdir(parents=True, exist_ok=True)
    compiled = subprocess.run(
        [jdk.home / "bin" / "javac", "--release", str(JDK_LEAST), "-nowarn", "-cp", class_path, "-d", classes, SOURCE],
        capture_output=True,
        text=True,
        timeout=COMPILE_LIMIT_S,
        check=False,
    )
    if compiled.returncode != 0:
        raise CannotBuild(f"javac refused the peer: {compiled.stderr[-500:]}")
    command = (
        str(jdk.home / "bin" / "java"),
        *JVM_OPTIONS,
        "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
        "-cp",
        os.pathsep.join((str(classes), class_path)),
        "Peer",
    )
    return BuiltPeer(command, f"JDK {jdk.major}", LIBRARIES[0].rpartition(":")[2])


def newest_jdk() -> Jdk | None:
    """The newest JDK of JAVA_HOME, PATH and the usual folders, None when none is new enough."""
    homes = []
    if os.environ.get("JAVA_HOME"):
        homes.append(Path(os.environ["JAVA_HOME"]))
    on_path = shutil.which("javac")
    if on_path:
        homes.append(Path(on_path).resolve().parents[1])
    for folder in _JDK_FOLDERS:
        homes.extend(sorted(folder.glob("*")) + sorted(folder.glob("*/Contents/Home")))
    found = [Jdk(home, _major(home)) for home in homes if (home / "bin" / "javac").is_file()]
    return max((jdk for jdk in found if jdk.major >= JDK_LEAST), key=lambda jdk: jdk.major, default=None)


def _major(home: Path) -> int:
    try:
        answer = subprocess.run(
            [home / "bin" / "javac", "-version"], capture_output=True, text=True, timeout=20, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return 0
    match = re.search(r"javac (\d+)", answer.stdout + answer.stderr)
    return int(match.group(1)) if match else 0


def _libraries() -> list[Path]:
    from jgo.maven import MavenContext  # imported late, as it takes half a second

    from inventory_sandbox.stack.maven import repository_roots

    repositories = {f"r{index}": root for index, root in enumerate(repository_roots())}
    context = MavenContext(repo_cache=default_cache_dir() / "benchmark-jars", remote_repos=repositories)
    try:
        resolved, further = context.resolver.resolve([context.create_dependency(one) for one in LIBRARIES])
        return [Path(dependency.artifact.resolve()) for dependency in (*resolved, *further)]
    except (RuntimeError, OSError) as error:
        raise CannotBuild(f"the libraries cannot be fetched: {error}") from error
